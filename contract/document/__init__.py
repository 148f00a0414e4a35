"""The OpenAPI document as data: what it says of each answer, and which clause each of its statements rests on."""
