"""What every command shares: parsing, connection flags, stdout and stderr."""
