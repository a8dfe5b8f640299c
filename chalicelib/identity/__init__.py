"""Authenticators: by the stage's own tokens, or by those of an OpenID Connect issuer."""
