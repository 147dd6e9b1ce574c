//go:build !unix

package doctor

import "os"

// writable says why this process may not write into a folder, as far as its
// existence does.
func writable(dir string) error {
	_, err := os.Stat(dir)
	return err
}
