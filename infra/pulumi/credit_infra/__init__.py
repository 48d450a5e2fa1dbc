"""The ground that the credit platform stands on, as Pulumi components. Imports no other package of this repository."""
