"""How requests are read, checked and answered, whatever the resource."""
