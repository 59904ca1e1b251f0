"""The contract: what goes over the wire, the plant file, and the names of others that we lean on."""
