"""Use cases. Functions are verbs; they never commit and never see a request."""
