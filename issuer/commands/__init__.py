"""The commands of `issuer`, a file each; every command's context object is an `issuer.cli.Shell`."""
