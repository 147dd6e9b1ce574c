package gate

// Rewrite is the rewriting of playlists, for the fuzz test.
var Rewrite = rewrite
