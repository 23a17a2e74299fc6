"""Jobs as lk-jwt-service keeps them in Redis."""
