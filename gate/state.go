package gate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"playtoken/gate/datafile"
	"playtoken/gate/register"
)

// openRegister opens what the gate knows: in the store that it shares, or in
// its data file. What an earlier version left in the data file is taken over.
func (g *Gate) openRegister() (err error) {
	if g.config.Documents != nil {
		return g.openShared()
	}
	if g.file, err = datafile.Open(g.config.Data); err != nil {
		return err
	}
	earlier, err := g.file.Earlier()
	if err == nil {
		g.keys, err = register.Open(context.Background(), g.registerConfig(earlier))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("read %s: %w", g.config.Data, err), g.file.Close())
	}
	if err = g.keys.Fresh(); err == nil {
		err = g.file.Forget() // the document has what it said
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", g.config.Data, err), g.Close())
	}
	return nil
}

func (g *Gate) openShared() error {
	earlier, err := contentOf(g.config.Data)
	if err != nil {
		return err
	}
	config := g.registerConfig(earlier)
	config.Documents, config.Clock = g.config.Documents, g.config.Clock
	g.keys, err = register.Open(context.Background(), config)
	return err
}

// contentOf reads a data file that may not exist, and leaves it as it is.
func contentOf(path string) (earlier register.Earlier, err error) {
	if _, err := os.Stat(path); path == "" || errors.Is(err, fs.ErrNotExist) {
		return earlier, nil
	}
	file, err := datafile.Open(path)
	if err != nil {
		return earlier, err
	}
	earlier, err = file.Content(context.Background())
	if err != nil {
		err = fmt.Errorf("read %s: %w", path, err)
	}
	return earlier, errors.Join(err, file.Close())
}

func (g *Gate) registerConfig(earlier register.Earlier) register.Config {
	return register.Config{
		Documents: g.file, Earlier: []register.Earlier{earlier}, Session: g.config.longest(), Staleness: g.config.MaxStaleness,
		Skew: g.config.ClockSkew, Now: g.config.Now, Log: g.config.Log,
	}
}
