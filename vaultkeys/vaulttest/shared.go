package vaulttest

import (
	"sync"
	"testing"
)

// shared is the one Vault of this test process. It is a package variable because
// what it holds, a child process, belongs to the process and to no test.
var shared struct {
	sync.Mutex
	tried    bool
	instance *instance
	err      error
}

// Shared gives t the Vault that all tests of this process share, starting it if
// t is the first to ask. Take mounts of your own with Mount. A test which seals,
// kills or pauses must use Start.
func Shared(t testing.TB) *Server {
	t.Helper()
	if s := external(t); s != nil {
		return s
	}
	i, err := share()
	demand(t, err)
	return &Server{Addr: i.url(), RootToken: i.rootToken, t: t}
}

func share() (*instance, error) {
	shared.Lock()
	defer shared.Unlock()
	if !shared.tried {
		shared.tried = true
		shared.instance, shared.err = start(TLS{})
	}
	return shared.instance, shared.err
}

// Runner is a *testing.M which stops the shared Vault when the tests have run.
type Runner struct{ m *testing.M }

// Main is for the TestMain of a package that uses Shared:
//
//	func TestMain(m *testing.M) { os.Exit(vaulttest.Main(m).Run()) }
//
// or, looking for leaked goroutines once Vault has stopped,
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(vaulttest.Main(m)) }
func Main(m *testing.M) Runner { return Runner{m} }

// Run runs the tests and returns the exit status.
func (r Runner) Run() int {
	defer func() {
		shared.Lock()
		defer shared.Unlock()
		if shared.instance != nil {
			shared.instance.stop()
		}
	}()
	return r.m.Run()
}
