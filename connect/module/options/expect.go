package options

import (
	"errors"
	"fmt"
	"maps"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// expect is the option of that name: an object of what must hold, such as example. names are the verdicts that a call makes, and more are the members
// that say more than that, or something else.
func expect(to *verdicts.Expect, example string, names []string, more map[string]setter) setter {
	known := map[string]setter{}
	maps.Copy(known, more)
	for _, name := range names {
		of, has := more[name]
		switch {
		case name == verdicts.Complete, name == verdicts.Connected, name == verdicts.Answered, name == verdicts.Kept:
			known[name] = leastShare(to, name)
		case has:
			known[name] = orOff(to, name, of)
		default:
			known[name] = onOrOff(to, name)
		}
	}
	return object(known, example)
}

// off leaves a verdict out.
func off(to *verdicts.Expect, name string) {
	if to.Off == nil {
		to.Off = map[string]bool{}
	}
	to.Off[name] = true
}

// orOff is a setter that also takes false, which leaves the verdict out.
func orOff(to *verdicts.Expect, name string, of setter) setter {
	set := of.set
	of.off = true
	of.set = func(v any) error {
		if v == false {
			off(to, name)
			return nil
		}
		return set(v)
	}
	return of
}

// onOrOff takes true, which is the default, or false.
func onOrOff(to *verdicts.Expect, name string) setter {
	return orOff(to, name, setter{kind: KindFlag, set: func(v any) error {
		if v != true {
			return errors.New("want false, which leaves the verdict out, or true")
		}
		return nil
	}})
}

// leastShare is the share of connections of which a verdict must hold.
func leastShare(to *verdicts.Expect, name string) setter {
	return setter{kind: KindShare, set: func(v any) error {
		if on, ok := v.(bool); ok {
			if !on {
				off(to, name)
			}
			return nil
		}
		var share float64
		if err := number(&share, 0, 1).set(v); err != nil {
			return errors.New("want the least share that must hold, from 0 to 1, or false, which leaves the verdict out")
		}
		if to.Shares == nil {
			to.Shares = map[string]float64{}
		}
		to.Shares[name] = share
		return nil
	}}
}

// maxHosts bounds how many hosts can be expected.
const maxHosts = 10_000

// hosts is a list of names, or an object of weights.
func hosts(to *map[string]float64) setter {
	const accepted = "want a list of names, such as ['web-1', 'web-2'], or an object of weights, such as {'web-1': 2, 'web-2': 1}"
	return setter{kind: KindShares, set: func(v any) (err error) {
		if err := notSplit(v); err != nil {
			return err
		}
		object, isObject := v.(map[string]any)
		list, isList := stringList(v)
		switch {
		case isList && len(list) > 0 && len(list) <= maxHosts:
			if *to, err = equalShares(list); err != nil {
				err = fmt.Errorf("%w; %s", err, accepted)
			}
			return err
		case isObject && len(object) > 0 && len(object) <= maxHosts:
			*to, err = readWeights(object)
			return err
		}
		return errors.New(accepted)
	}}
}

// equalShares gives each of some names the same.
func equalShares(names []string) (map[string]float64, error) {
	shares := make(map[string]float64, len(names))
	for _, name := range names {
		if name == "" {
			return shares, errors.New("a name is empty")
		}
		if _, twice := shares[name]; twice {
			return shares, fmt.Errorf("name %q is there twice", name)
		}
		shares[name] = 1
	}
	return shares, nil
}

// balanceOf is true, the least p-value, or an object with a tolerance.
func balanceOf(to *verdicts.Expect) setter {
	members := map[string]setter{"tolerance": tolerance(&to.Tolerance), "p": number(&to.Balance, 1e-300, 1)}
	return setter{kind: KindShare, members: members, set: func(v any) error {
		const accepted = "want true, the least p-value (0 to 1), or an object such as {tolerance: 0.1}"
		switch v := v.(type) {
		case bool:
			to.Balance = verdicts.DefaultBalance
			return nil
		case map[string]any:
			to.Balance = verdicts.DefaultBalance
			return parse(v, members)
		}
		if err := number(&to.Balance, 1e-300, 1).set(v); err != nil {
			return errors.New(accepted)
		}
		return nil
	}}
}

// tolerance is by which part of its due a share may be off: 1 is all of it.
func tolerance(to *float64) setter {
	return setter{kind: KindNumber, set: func(v any) error {
		if err := number(to, 0, 1).set(v); err != nil {
			return fmt.Errorf("%w; 0.1 is 10 %%", err)
		}
		return nil
	}}
}

// share is a number from 0 to 1, and whether it was given.
func share(to *float64, given *bool) setter {
	return setter{kind: KindNumber, set: func(v any) error {
		*given = true
		return number(to, 0, 1).set(v)
	}}
}
