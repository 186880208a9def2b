"""What several test modules share: servers, clients and common requests."""
