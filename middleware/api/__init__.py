"""The doors for programs (`/api/v1`), for a consent page's answer, and for a held reply's link."""
