"""What the calls of the portal take and give, resource by resource."""
