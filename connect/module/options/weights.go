package options

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// The least weight above 0, so that what one got in relation to its due is a number, and the largest.
const (
	minWeight = 1e-9
	maxWeight = 1e9
)

// weights is an object of hosts' names and weights.
func weights(to *map[string]float64) setter {
	return setter{kind: KindShares, set: func(v any) (err error) {
		object, ok := v.(map[string]any)
		if !ok || len(object) == 0 {
			return errors.New("want an object of host names and weights, such as {'web-1': 2, 'web-2': 1}, at least one of them above 0")
		}
		*to, err = readWeights(object)
		return err
	}}
}

func readWeights(object map[string]any) (map[string]float64, error) {
	weights, sum := make(map[string]float64, len(object)), 0.0
	for _, name := range slices.Sorted(maps.Keys(object)) {
		weight, ok := asNumber(object[name])
		if !ok || weight != 0 && (weight < minWeight || weight > maxWeight) {
			return nil, fmt.Errorf("weight of %q is %s; want 0, or a number from %g to %g", name, show(object[name]), minWeight, maxWeight)
		}
		weights[name] = weight
		sum += weight
	}
	if sum == 0 {
		return nil, errors.New("all weights are 0; want one above 0")
	}
	return weights, nil
}
