// Package porttest finds ports for servers that tests start, where the server
// cannot choose one itself.
package porttest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// lowest and highest are outside the ranges from which Linux, macOS and Windows
// take the ports of outgoing connections and of listeners on port 0, so that
// what other tests do in the meantime does not take the port.
const lowest, highest = 10_000, 30_000

// Address returns an address on loopback, as host:port, on which no process
// listens.
func Address() (string, error) {
	var taken error
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", lowest+rand.IntN(highest-lowest))
		listener, err := net.Listen("tcp", address)
		if err == nil {
			return address, listener.Close()
		}
		taken = err
	}
	return "", errors.Join(errors.New("100 ports were tried, and none is free"), taken)
}
