package main

import (
	"playtoken/platforms"
	"playtoken/platforms/apivideo"
	"playtoken/platforms/jwplayer"
	"playtoken/platforms/vidbeo"
	"playtoken/projects"
)

// kinds are the platforms that projects may be on. This is the only place
// outside their folders that knows which there are.
func kinds() projects.Kinds {
	all := projects.Kinds{}
	for _, kind := range []platforms.Kind{vidbeo.Kind(), jwplayer.Kind(), apivideo.Kind()} {
		all[kind.Name] = kind
	}
	return all
}
