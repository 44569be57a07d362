"""Events and state as rows of the database, in the format of binary COPY."""
