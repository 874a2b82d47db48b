package salelog

import (
	"frontrow/kv"
	"frontrow/wire"
)

// Version says as of when something is known of a seat: the flush that said it, and the
// revision of that flush. Records of the version before name no flush: then it is 0, and the
// revision the record's own. The zero Version is of a seat of which nothing is known.
type Version struct {
	Flush    uint64
	Revision kv.Revision
}

// VersionOf returns the version of a seat's record that is stored under a revision.
func VersionOf(s *wire.Seat, revision kv.Revision) Version {
	if s.Flush == 0 {
		return Version{Revision: revision}
	}
	return Version{s.Flush, kv.Revision(s.Revision)}
}

// After reports whether v is later than w. Flushes are compared by their numbers, since a log
// record that was repaired has a revision of its repair.
func (v Version) After(w Version) bool {
	if v.Flush > 0 && w.Flush > 0 {
		return v.Flush > w.Flush
	}
	return v.Revision > w.Revision
}
