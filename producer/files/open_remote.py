"""Opening a file by its URL."""

from pipeline.url import WEB, Url
from producer.files.remote_file import RemoteFile


def open_remote(url: Url) -> RemoteFile:
    """Opens a file, of which only what tells its version is read at once."""
    if url.scheme in WEB:
        from producer.files.web_file import WebFile  # read by few runs

        return WebFile(url)
    from producer.files.store_file import StoreFile

    return StoreFile(url)
