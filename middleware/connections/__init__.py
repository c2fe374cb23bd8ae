"""Accounts of providers: how they are kept, built, signed in and routed."""
