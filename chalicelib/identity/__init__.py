"""Who calls: tokens of the stage, and those of an OpenID Connect issuer."""
