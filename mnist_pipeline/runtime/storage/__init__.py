"""Where values are stored: formats, the commit protocol, a directory, a bucket."""
