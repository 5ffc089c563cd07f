// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IAssay} from "../IAssay.sol";
import {GraphFacts, JobFacts} from "./Facts.sol";
import {IPinpoint} from "./IPinpoint.sol";

/// @title The items of an entry, and what the inputs of each phase follow from (docs/spec/pinpoint.md)
library Schedule {
    enum Kind {
        Init,
        Micro,
        Add,
        Inbound,
        Update
    }

    /// @dev What an input must be: a leaf of a committed tree of tensors, or a formula.
    enum Rule {
        Leaf,
        Seed,
        Step,
        Position,
        Records
    }

    /// @dev Of `Inbound`, `left` is the number of the sum in its step; of `Add`, `left` and `right` are numbers of items.
    struct Item {
        Kind kind;
        uint256 step;
        uint256 microBatch;
        uint256 left;
        uint256 right;
    }

    /// @param before The tree is the entry's `rootBefore`; otherwise that of `item`.
    struct Origin {
        Rule rule;
        bool before;
        uint256 item;
        uint256 leaf;
        uint256 leaves;
    }

    /// @dev Facts, entry and plan: what all questions are asked about.
    struct Context {
        JobFacts facts;
        IAssay.Entry entry;
        uint256 replicas;
    }

    uint256 private constant FOUND = type(uint256).max;
    uint256 internal constant NO_PLACE = type(uint256).max;

    // ---------------------------------------------------------------- items

    /// @return owned The number of micro-batches of the entry's replica.
    function microBatches(Context memory c) internal pure returns (uint256 owned) {
        (uint256 all, uint256 width, uint256 replicas) = (c.facts.microBatches, c.facts.lanes, c.replicas);
        if (replicas == 1) return all;
        unchecked {
            for (uint256 lane = c.entry.replica; lane < width; lane += replicas) {
                owned += (lane + 1) * all / width - lane * all / width;
            }
        }
        if (owned == 0) revert IPinpoint.WrongEvidence("plan");
    }

    /// @return The number of items of one step.
    function perStep(Context memory c) internal pure returns (uint256) {
        return 2 * (microBatches(c) + exchanges(c.replicas));
    }

    function steps(Context memory c) internal pure returns (uint256) {
        return c.entry.stepTo - c.entry.stepFrom;
    }

    /// @return The number of sums under the entry's `lanesRoot`.
    function sumCount(Context memory c) internal pure returns (uint256) {
        return steps(c) * sumsPerStep(c.replicas);
    }

    function sumsPerStep(uint256 replicas) private pure returns (uint256) {
        return 2 * replicas - 2;
    }

    /// @return e How often a replica exchanges in a step: the binary logarithm of their number.
    function exchanges(uint256 replicas) private pure returns (uint256 e) {
        while (replicas > 1) {
            (replicas, e) = (replicas / 2, e + 1);
        }
    }

    /// @return 1 if item 0 is `init`.
    function first(Context memory c) internal pure returns (uint256) {
        return c.entry.stepFrom == 0 ? 1 : 0;
    }

    function count(Context memory c) internal pure returns (uint256) {
        return first(c) + steps(c) * perStep(c);
    }

    function itemAt(Context memory c, uint256 index) internal pure returns (Item memory item) {
        if (index < first(c)) return item;
        uint256 owned = microBatches(c);
        uint256 size = 2 * (owned + exchanges(c.replicas));
        uint256 p = (index - first(c)) % size;
        item.step = c.entry.stepFrom + (index - first(c)) / size;
        if (p < 2 * owned - 1) local(c, item, p, index - p);
        else if (p + 1 < size) exchanged(c, item, p - (2 * owned - 1), index);
        else item.kind = Kind.Update;
    }

    /// @dev Place q behind the own sum: what exchange q / 2 brings, or the sum of that and of what the replica held.
    function exchanged(Context memory c, Item memory item, uint256 q, uint256 index) private pure {
        uint256 width = c.replicas >> (q / 2);
        uint256 partner = c.entry.replica ^ (width / 2);
        if (q % 2 == 0) {
            item.kind = Kind.Inbound;
            item.left = 2 * (c.replicas - width) + partner % width;
        } else {
            item.kind = Kind.Add;
            bool lower = partner < c.entry.replica;
            (item.left, item.right) = lower ? (index - 1, index - 2) : (index - 2, index - 1);
        }
    }

    /// @return The item that is sum `index` under `lanesRoot`.
    function sumItem(Context memory c, uint256 index) internal pure returns (uint256) {
        uint256 own = 2 * microBatches(c) - 2;
        uint256 step = index / sumsPerStep(c.replicas);
        return first(c) + step * perStep(c) + own + placeOfSum(index, c.entry.replica, c.replicas);
    }

    /// @return The place of sum `index` under `lanesRoot` among the items of its step, counted from the replica's own sum: even of one
    /// that the replica holds, odd of one that it receives. NO_PLACE of what others have joined among themselves.
    function placeOfSum(uint256 index, uint256 replica, uint256 replicas) internal pure returns (uint256) {
        (uint256 width, uint256 holder) = holderOf(index, replicas);
        uint256 held;
        for (uint256 w = replicas; w > width; w /= 2) {
            held += 2;
        }
        uint256 apart = (holder ^ replica) % width;
        if (apart == 0) return held;
        return width > 1 && apart == width / 2 ? held + 1 : NO_PLACE;
    }

    /// @return width The number of different sums of the step when that sum is one of them.
    /// @return holder The first replica that has summed it up, or joined it.
    function holderOf(uint256 index, uint256 replicas) internal pure returns (uint256 width, uint256 holder) {
        uint256 n = index % sumsPerStep(replicas);
        width = replicas;
        // Replicas 0 .. w - 1 of w have the numbers from 2 (R - w) on.
        while (n >= 2 * replicas - width) {
            width /= 2;
        }
        holder = n - 2 * (replicas - width);
    }

    /// @return The number of an inbound sum under `lanesRoot`.
    function sumLeaf(Context memory c, Item memory item) internal pure returns (uint256) {
        return (item.step - c.entry.stepFrom) * sumsPerStep(c.replicas) + item.left;
    }

    /// @return The total of step `i` of the entry: the item before its update.
    function total(Context memory c, uint256 i) internal pure returns (uint256) {
        return first(c) + (i + 1) * perStep(c) - 2;
    }

    /// @dev Place p of what is local to the replica: its lanes, then its part of their tree. All numbers are below 2^32.
    /// @param base number of the step's first item
    function local(Context memory c, Item memory item, uint256 p, uint256 base) private pure {
        // One more than the place of the item that holds the sum of each position of the tree; 0 while it is empty.
        uint256[] memory holder = new uint256[](c.facts.lanes);
        uint256 done = lanes(c, item, holder, p, base);
        if (done == FOUND) return;
        (uint256 own, uint256 replicas) = (c.entry.replica, c.replicas);
        item.kind = Kind.Add;
        unchecked {
            for (uint256 h = holder.length / 2; h >= replicas; h /= 2) {
                for (uint256 i = own; i < h; i += replicas) {
                    (uint256 left, uint256 right) = (holder[i], holder[i + h]);
                    if (left == 0) {
                        holder[i] = right;
                    } else if (right != 0) {
                        if (done == p) {
                            (item.left, item.right) = (base + left - 1, base + right - 1);
                            return;
                        }
                        done++;
                        holder[i] = done;
                    }
                }
            }
        }
        revert IPinpoint.WrongEvidence("plan");
    }

    /// @dev Fills `item` if its place is in a lane.
    /// @return done The number of items of the lanes; FOUND if the item is among them.
    function lanes(Context memory c, Item memory item, uint256[] memory holder, uint256 p, uint256 base)
        private
        pure
        returns (uint256 done)
    {
        (uint256 all, uint256 width, uint256 replicas) = (c.facts.microBatches, holder.length, c.replicas);
        unchecked {
            for (uint256 l = c.entry.replica; l < width; l += replicas) {
                uint256 from = l * all / width;
                uint256 size = 2 * ((l + 1) * all / width - from);
                if (size == 0) continue;
                if (p < done + size - 1) {
                    inLane(item, from, p - done, base + done);
                    return FOUND;
                }
                done += size - 1;
                holder[l] = done;
            }
        }
    }

    /// @dev Place q of a lane whose first micro-batch is `from`, and first item `base`.
    function inLane(Item memory item, uint256 from, uint256 q, uint256 base) private pure {
        if (q == 0 || q % 2 == 1) {
            item.kind = Kind.Micro;
            item.microBatch = from + (q + 1) / 2;
        } else {
            item.kind = Kind.Add;
            (item.left, item.right) = (base + (q == 2 ? 0 : q - 2), base + q - 1);
        }
    }

    // --------------------------------------------------------------- phases

    /// @return The graph that an item is the result of. An inbound sum is that of none: this must not be asked.
    function graphOf(Context memory c, Item memory item) internal pure returns (GraphFacts memory) {
        if (item.kind == Kind.Init) return c.facts.init;
        if (item.kind == Kind.Micro) return c.facts.micro;
        return item.kind == Kind.Add ? c.facts.combine : c.facts.update;
    }

    /// @return The number of tensors that a phase exports.
    function results(Context memory c, Item memory item) internal pure returns (uint256) {
        bool state = item.kind == Kind.Init || item.kind == Kind.Update;
        return state ? c.facts.state : uint256(c.facts.gradients) + c.facts.metrics;
    }

    /// @return o What input `port` of the phase behind an item must be.
    function originOf(Context memory c, Item memory item, uint256 port) internal pure returns (Origin memory o) {
        uint256 state = c.facts.state;
        uint256 sums = uint256(c.facts.gradients) + c.facts.metrics;
        if (item.kind == Kind.Init) {
            o.rule = Rule.Seed;
        } else if (item.kind == Kind.Add) {
            (o.item, o.leaf, o.leaves) = (port < sums ? item.left : item.right, port % sums, sums);
        } else if (port < state) {
            (o.leaf, o.leaves) = (port, state);
            uint256 i = item.step - c.entry.stepFrom;
            if (i > 0) o.item = first(c) + i * perStep(c) - 1;
            else o.before = first(c) == 0;
        } else if (item.kind == Kind.Update) {
            if (port == state) o.rule = Rule.Step;
            else (o.item, o.leaf, o.leaves) = (total(c, item.step - c.entry.stepFrom), port - state - 1, sums);
        } else {
            o.rule = port == state
                ? Rule.Seed
                : port == state + 1 ? Rule.Step : port == state + 2 ? Rule.Position : Rule.Records;
        }
    }
}
