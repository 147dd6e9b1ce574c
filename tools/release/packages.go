package main

func packageFormats() []string { return []string{"deb", "rpm"} }
