"""An embedded exchange on loopback, for --demo and for the tests."""
