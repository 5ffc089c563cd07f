// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Program, Programs} from "./Programs.sol";
import {QuantisedTraces} from "./QuantisedTraces.sol";
import {Source, Sources} from "./Sources.sol";

/// @notice One pass of a reduction: `count` items are folded in `blocks` blocks, then joined. Positions are in the
/// trace.
/// @param folds Where the folds start, item by item.
/// @param foldLength The blocks of one fold.
/// @param joins Where the joins start: of blocks 1, 2, ... (chain512), or of the lane tree of block 0, 1, ...
/// (lanes32).
struct Level {
    uint256 folds;
    uint256 foldLength;
    uint256 count;
    uint256 blocks;
    uint256 joins;
}

/// @notice A trace: its levels (a quantised contraction has none), where `finish` starts, and its length.
struct Layout {
    Level[] levels;
    uint256 finish;
    uint256 length;
}

/// @notice One run of a straight program in a trace, or the canonical store.
/// @param part `STEP`, `JOIN`, `FINISH` or `CANON`.
/// @param start Where its words start.
/// @param acc The accumulator; the first operand of a join; the total.
/// @param other The second operand of a join.
/// @param position The loop position of a step.
struct Run {
    uint256 part;
    uint256 start;
    Source acc;
    Source other;
    uint256 position;
}

/// @title Where the result of each block lies in the trace of an output element (docs/spec/arithmetic.md, Traces)
library Traces {
    uint256 internal constant STEP = 0;
    uint256 internal constant JOIN = 1;
    uint256 internal constant FINISH = 2;
    uint256 internal constant CANON = 3;

    uint256 private constant CHAIN = 512;
    uint256 private constant LANES = 32;
    uint256 private constant LANE_BLOCK = 16384;
    /// @dev Joins of one lane tree.
    uint256 private constant TREE = LANES - 1;

    function layoutOf(Program memory p) internal pure returns (Layout memory l) {
        unchecked {
            uint256 count = Programs.positions(p);
            if (Programs.isQuantised(p)) {
                (, l.finish) = QuantisedTraces.layoutOf(count);
            } else {
                bool chain = p.order == Programs.CHAIN512;
                uint256 size = chain ? CHAIN : LANE_BLOCK;
                l.levels = new Level[](depth(count, chain));
                for (uint256 i = 0; i < l.levels.length; i++) {
                    Level memory level = l.levels[i];
                    level.folds = l.finish;
                    level.foldLength = i == 0 ? p.step.length : p.join.length;
                    level.count = count;
                    level.blocks = (count + size - 1) / size;
                    level.joins = level.folds + count * level.foldLength;
                    count = level.blocks;
                    l.finish = level.joins + (chain ? count - 1 : count * TREE) * p.join.length;
                }
            }
            l.length = l.finish + p.finish.length + (p.dtype == Programs.F32 ? 1 : 0);
        }
    }

    /// @param t below the trace's length, and outside a quantised contraction
    function runAt(Program memory p, Layout memory l, uint256 t) internal pure returns (Run memory r) {
        unchecked {
            if (t >= l.finish) {
                r.start = l.finish;
                r.part = t == l.finish + p.finish.length ? CANON : FINISH;
                r.acc = r.part == CANON && t > l.finish ? Sources.traced(t - 1) : total(p, l);
                return r;
            }
            uint256 i = l.levels.length - 1;
            while (t < l.levels[i].folds) {
                i--;
            }
            Level memory level = l.levels[i];
            if (t >= level.joins) {
                joinAt(r, p, level, t);
                return r;
            }
            uint256 item = (t - level.folds) / level.foldLength;
            r.start = level.folds + item * level.foldLength;
            r.acc = beforeItem(p, level, item);
            if (i == 0) {
                r.position = item;
            } else {
                r.part = JOIN;
                r.other = laneValue(p, l.levels[i - 1], item, 0, 1);
            }
        }
    }

    /// @dev A chain joins its blocks in the one level; lanes take as many levels as leave one block.
    function depth(uint256 count, bool chain) private pure returns (uint256 levels) {
        unchecked {
            if (count == 0) return 0;
            if (chain) return 1;
            levels = 1;
            while (count > LANE_BLOCK) {
                count = (count + LANE_BLOCK - 1) / LANE_BLOCK;
                levels++;
            }
        }
    }

    /// @dev What `finish` starts from.
    function total(Program memory p, Layout memory l) private pure returns (Source) {
        unchecked {
            if (l.finish == 0) return Sources.constant_(p.init);
            if (l.levels.length == 0) return Sources.traced(l.finish - 1);
            Level memory last = l.levels[l.levels.length - 1];
            if (p.order == Programs.LANES32) return laneValue(p, last, 0, 0, 1);
            return last.blocks == 1 ? chainValue(last, 0) : joined(p, last, last.blocks - 2);
        }
    }

    /// @dev The accumulator that an item is folded into.
    function beforeItem(Program memory p, Level memory level, uint256 item) private pure returns (Source) {
        unchecked {
            (uint256 size, uint256 back) = p.order == Programs.CHAIN512 ? (CHAIN, 1) : (LANE_BLOCK, LANES);
            return item % size < back ? Sources.constant_(p.init) : afterItem(level, item - back);
        }
    }

    /// @dev The accumulator right after it took an item.
    function afterItem(Level memory level, uint256 item) private pure returns (Source) {
        unchecked {
            return Sources.traced(level.folds + (item + 1) * level.foldLength - 1);
        }
    }

    /// @dev The result of join n of a level.
    function joined(Program memory p, Level memory level, uint256 n) private pure returns (Source) {
        unchecked {
            return Sources.traced(level.joins + (n + 1) * p.join.length - 1);
        }
    }

    function joinAt(Run memory r, Program memory p, Level memory level, uint256 t) private pure {
        unchecked {
            uint256 n = (t - level.joins) / p.join.length;
            r.part = JOIN;
            r.start = level.joins + n * p.join.length;
            if (p.order == Programs.CHAIN512) {
                r.acc = n == 0 ? chainValue(level, 0) : joined(p, level, n - 1);
                r.other = chainValue(level, n + 1);
                return;
            }
            uint256 number = n / TREE;
            uint256 lane = n % TREE;
            uint256 half = LANES / 2;
            for (; lane >= half; half /= 2) {
                lane -= half;
            }
            r.acc = laneValue(p, level, number, lane, half * 2);
            r.other = laneValue(p, level, number, lane + half, half * 2);
        }
    }

    /// @dev The value of a block of a chain.
    function chainValue(Level memory level, uint256 number) private pure returns (Source) {
        unchecked {
            uint256 end = (number + 1) * CHAIN;
            return afterItem(level, (end < level.count ? end : level.count) - 1);
        }
    }

    /// @dev Lane `lane` of a block when `left` lanes are left: after its last item if all are, else after a join. Lane
    /// 0 of 1 is the value of the block.
    function laneValue(Program memory p, Level memory level, uint256 number, uint256 lane, uint256 left)
        private
        pure
        returns (Source)
    {
        unchecked {
            // The joins into 16, 8, ..., `left` lanes: 32 - 2 left come before those that leave `left`.
            if (left < LANES) return joined(p, level, number * TREE + LANES - 2 * left + lane);
            uint256 first = number * LANE_BLOCK;
            uint256 items = level.count - first;
            if (items > LANE_BLOCK) items = LANE_BLOCK;
            if (lane >= items) return Sources.constant_(p.init);
            return afterItem(level, first + lane + LANES * ((items - 1 - lane) / LANES));
        }
    }
}
