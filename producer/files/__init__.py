"""The content of files: local or on servers, compressed or not, in any encoding, as seekable UTF-8."""
