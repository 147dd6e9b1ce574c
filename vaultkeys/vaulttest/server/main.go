// Command server is a real HashiCorp Vault in one process, for tests only.
//
// It is Vault's own core and HTTP API, compiled from the Go module because
// distributions do not package Vault, with the few engines that tests need.
// Vault's server is licensed under BUSL-1.1, so it sits in a module of its own:
// nothing of it reaches the go.mod, the go.sum or the binary that we publish.
// Never keep real secrets in it: one unseal share, no audit log, and the
// unseal key may lie in a file beside the data.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hashicorp/vault/vault"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "vault test server:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:0", "`address` to serve on")
	storage := flags.String("storage", "", "`directory` to keep data in; empty means in memory")
	initFile := flags.String("init-file", "", "initialise and unseal at start, keeping the root token "+
		"and unseal key in this `file`; empty means start sealed, as Vault itself does")
	certFile := flags.String("tls-cert", "", "`file` of the certificate to serve TLS with; empty means plain HTTP")
	keyFile := flags.String("tls-key", "", "`file` of that certificate's private key")
	if err := flags.Parse(args); err != nil {
		return err
	}

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	core, err := newCore(*storage)
	if err != nil {
		return fmt.Errorf("making the core: %w", err)
	}
	if *initFile != "" {
		if err := open(ctx, core, *initFile); err != nil {
			return errors.Join(err, core.Shutdown())
		}
	}
	// From here callers who connect are queued by the kernel until Serve accepts.
	fmt.Fprintf(stdout, "listening http://%s\n", listener.Addr())
	return errors.Join(serve(ctx, listener, core, *certFile, *keyFile), core.Shutdown())
}

// serve answers until ctx ends, then gives requests under way a moment to finish.
func serve(ctx context.Context, listener net.Listener, core *vault.Core, certFile, keyFile string) error {
	server := &http.Server{
		Handler: newHandler(core), ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{ClientAuth: tls.RequestClientCert}, // as Vault's own listener has it; the cert method verifies them
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		stopped <- server.Shutdown(grace)
	}()
	serve := func() error { return server.Serve(listener) }
	if certFile != "" {
		serve = func() error { return server.ServeTLS(listener, certFile, keyFile) }
	}
	if err := serve(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}
