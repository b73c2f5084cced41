package connect

// Verdict says whether something holds that is expected of a call. Text says what was expected, what happened, and, if it does not hold,
// the likeliest cause and what to do next.
type Verdict struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

// Judged is the part of a result that says whether all is well. Package verdicts fills it in.
type Judged struct {
	OK       bool      `json:"ok"` // all verdicts hold
	Verdicts []Verdict `json:"verdicts"`
}
