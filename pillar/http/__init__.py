"""What every browser-facing edge shares: scope, sessions, permissions, headers, limits, error pages, assets."""
