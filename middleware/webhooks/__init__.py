"""The hook door: prove the caller, commit the bytes, answer."""
