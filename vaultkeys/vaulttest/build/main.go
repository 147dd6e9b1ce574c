// Command build compiles the Vault that the tests use ahead of them, where its
// progress can be seen, and prints the path of the binary.
package main

import (
	"context"
	"fmt"
	"os"

	"playtoken/vaultkeys/vaulttest"
)

func main() {
	path, err := vaulttest.Build(context.Background(), os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(path)
}
