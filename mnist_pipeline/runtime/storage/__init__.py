"""Where values are stored: their formats, and directories named by the checksum of a value."""
