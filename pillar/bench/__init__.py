"""`pillar bench`: what the product costs, against a floor measured in the same run, because machines are noisy."""
