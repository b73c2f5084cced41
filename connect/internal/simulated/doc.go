// Package simulated is a driver without sockets or a clock: a network in virtual time that loses, delays, duplicates, reorders and
// resets as a seed says. It knows what it did to each connection, so that what the rules make of it can be checked against the truth.
package simulated
