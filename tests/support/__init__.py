"""What several test modules use: servers to test against, and requests that many tests send."""
