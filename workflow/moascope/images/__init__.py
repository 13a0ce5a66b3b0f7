"""Image files and plate stores."""
