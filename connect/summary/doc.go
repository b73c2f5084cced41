// Package summary tells what a test has come to: as text for people, and as JUnit XML for machines that gather test results. It does not
// know k6.
package summary
