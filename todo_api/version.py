"""The version of this release. The package and openapi.json take it from here."""

__version__ = "1.0.0"
