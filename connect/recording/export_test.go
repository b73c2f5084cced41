package recording

// What tests of bounds need to know.
const (
	MaxRecords     = maxRecords
	MaxTraffic     = maxTraffic
	MaxDisruptions = maxDisruptions
)

// Keep is Ledger.keep.
var Keep = (*Ledger).keep
