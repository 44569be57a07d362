"""Who may ask, and how often: authentication, nonces, rate limits, origins."""
