// Package disruption judges what a change of a load balancer's backends did to flows: it compares which host answered which
// 5-tuple before and after, and how many flows moved with how many had to, by the way the load balancer chooses backends.
package disruption
