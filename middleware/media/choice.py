"""Which media store a hub has: a folder of its own, or the bucket that the settings name."""

from middleware.errors import HubError
from middleware.media.folder import Folder
from middleware.media.port import MediaStore
from middleware.settings import Settings


class NoBuckets(HubError):
    code = "files.no_buckets"


def media_store(settings: Settings) -> MediaStore:
    """Raises: `NoBuckets` when a bucket is wanted and its package is not installed."""
    if not settings.s3_bucket:
        return Folder(settings.data_dir / "media")
    try:
        from middleware.media.bucket import Bucket  # noqa: PLC0415  # an extra of the package
    except ImportError:
        raise NoBuckets(
            "THREADLINE_S3_BUCKET is set, so files belong into a bucket; the package that speaks"
            " to buckets is not installed. Install it: pip install 'threadline[s3]'."
        ) from None
    return Bucket.of(settings)
