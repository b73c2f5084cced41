// Package verdicts says of each result whether all is well: what was expected, what happened, the likeliest cause of a difference, and
// what to do next. A call that nobody has judged fails nothing; one that is judged by its defaults fails whenever its user would say
// that it is broken.
package verdicts
