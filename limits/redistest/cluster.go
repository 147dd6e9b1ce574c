package redistest

import (
	"fmt"
	"testing"
)

// slots is how many slots the keys of a cluster are in.
const slots = 16384

// Cluster is three nodes that share the keys, and a replica of the first.
type Cluster struct {
	Nodes   []*Server
	Replica *Server
	files   TLS
}

// StartCluster returns once every node knows who has which keys. It skips the test on
// machines without Redis. Keys of a node that is lost are unavailable, those of others
// are not.
func StartCluster(t *testing.T) *Cluster {
	t.Helper()
	return StartClusterTLS(t, TLS{})
}

// StartClusterTLS is StartCluster with TLS between all of them.
func StartClusterTLS(t *testing.T, files TLS) *Cluster {
	t.Helper()
	c := &Cluster{files: files}
	for range 3 {
		c.Nodes = append(c.Nodes, startNode(t, files))
	}
	c.Replica = startNode(t, files)
	for i, node := range c.Nodes {
		node.Do("CLUSTER", "ADDSLOTSRANGE", i*slots/3, (i+1)*slots/3-1)
	}
	all := append([]*Server{c.Replica}, c.Nodes...)
	for _, node := range all {
		c.Nodes[0].Do("CLUSTER", "MEET", "127.0.0.1", node.Port, node.bus)
	}
	for _, node := range all {
		node.Awaits("cluster_known_nodes:4", "CLUSTER", "INFO")
		node.Awaits("cluster_slots_ok:16384", "CLUSTER", "INFO")
		node.Awaits("cluster_state:ok", "CLUSTER", "INFO")
	}
	c.Replica.Do("CLUSTER", "REPLICATE", c.Nodes[0].id())
	c.Replica.Awaits("master_link_status:up", "INFO", "replication")
	for _, node := range c.Nodes {
		node.Awaits(c.Nodes[0].id()+" 127.0.0.1", "CLUSTER", "NODES")
		node.Awaits("slave "+c.Nodes[0].id(), "CLUSTER", "NODES")
	}
	return c
}

func startNode(t *testing.T, files TLS) *Server {
	t.Helper()
	bus := freePort(t)
	args := []string{"--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "3000",
		"--cluster-require-full-coverage", "no"}
	if files.Cert != "" {
		args = append(args, "--tls-cluster", "yes")
	}
	s := start(t, files, args...)
	s.bus = bus
	return s
}

func (s *Server) id() string { return fmt.Sprint(s.Do("CLUSTER", "MYID")) }

// URL names two of the nodes, with the password.
func (c *Cluster) URL() string {
	return c.files.scheme() + "+cluster://:" + Password + "@" + c.Nodes[1].Address() + "?addr=" + c.Nodes[2].Address()
}

// Has returns the keys with a prefix that each node has.
func (c *Cluster) Has(prefix string) [][]string {
	var has [][]string
	for _, node := range c.Nodes {
		var keys []string
		for _, key := range node.Do("KEYS", prefix+"*").([]any) {
			keys = append(keys, key.(string))
		}
		has = append(has, keys)
	}
	return has
}

// Move moves the slot of a key, with all that is in it, from one node to another.
func (c *Cluster) Move(key string, from, to *Server) {
	slot := from.Do("CLUSTER", "KEYSLOT", key)
	to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", from.id())
	from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", to.id())
	for _, held := range from.Do("CLUSTER", "GETKEYSINSLOT", slot, 100).([]any) {
		from.Do("MIGRATE", "127.0.0.1", to.Port, held, 0, 5000, "AUTH", Password)
	}
	for _, node := range []*Server{to, from} {
		node.Do("CLUSTER", "SETSLOT", slot, "NODE", to.id())
	}
}
