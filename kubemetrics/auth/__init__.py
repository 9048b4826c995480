"""Where a credential comes from, and when it is fetched anew."""
