"""Signing an account in where its administrator gives consent on a page of the provider."""
