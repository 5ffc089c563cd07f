// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IPinpoint} from "../src/pinpoint/IPinpoint.sol";
import {Forest} from "./Forest.sol";
import {PinpointBase} from "./PinpointBase.sol";
import {vm} from "./Vm.sol";

/// @dev More cheat codes, for sums over several calls.
interface Meter {
    struct Gas {
        uint64 gasLimit;
        uint64 gasTotalUsed;
        uint64 gasMemoryUsed;
        int64 gasRefunded;
        uint64 gasRemaining;
    }

    function lastCallGas() external view returns (Gas memory);
    function snapshotValue(string calldata group, string calldata name, uint256 value) external;
}

/// @dev What each move of a game costs as a whole transaction; snapshots/pinpoint.json keeps the figures.
/// forge-config: default.isolate = true
/// forge-config: test.isolate = true
contract PinpointGasTest is PinpointBase {
    using Forest for Forest.Tree;

    uint256 private constant CAP = 16_777_216;
    Meter private constant meter = Meter(address(vm));

    function measured(string memory name) private {
        uint256 gas = vm.snapshotGasLastCall("pinpoint", name);
        yes(gas < CAP, name);
    }

    function test_moves_of_a_huge_game() public {
        build(huge());
        bytes32 gameId = accuse(challenger, some(acceptor));
        measured("open: first accuser, one acceptor");
        accuse(stranger);
        measured("open: another accuser");
        post(gameId);
        measured("post: first of a claim");
        choose(gameId, shape.item, 1);
        measured("choose: one level");
        post(gameId);
        measured("post: 16 children");
        choose(gameId, shape.item, ALL);
        measured("choose: 5 levels to an item");
        post(gameId);
        measured("post: root of values");
        choose(gameId, shape.inputs, ALL);
        measured("choose: 5 levels to a value");
        post(gameId);
        measured("post: root of words");
        choose(gameId, shape.element, ALL);
        measured("choose: 4 levels to a word");
        post(gameId);
        measured("post: root of a trace");
        choose(gameId, 1234, ALL);
        measured("choose: 2 levels to a block");
        prove(gameId, solver, blockProof(1234));
        measured("prove: block of a trace word and an operand of 2^31 words");
    }

    function test_seats() public {
        bytes32 gameId = accuse(challenger, some(acceptor));
        vm.roll(blockNow() + RESPONSE + 1);
        pinpoint.timeout(gameId);
        measured("timeout");
        vm.prank(acceptor);
        pinpoint.defend(address(this), entryHash);
        measured("defend");
        vm.prank(acceptor);
        pinpoint.concede(bytes32(uint256(claimId) | 1 << 16));
        measured("concede");
    }

    /// @dev The widest plan: 256 lanes, and the last addition of their tree.
    function test_the_widest_plan() public {
        Shape memory p = huge();
        (p.item, p.inputs) = (8190, 2 * SUMS);
        build(p);
        bytes32 gameId = accuse(challenger);
        post(gameId);
        choose(gameId, p.item, ALL);
        measured("choose: 5 levels to the last addition of 256 lanes");
        post(gameId);
        choose(gameId, 0, ALL);
        measured("choose: an input of it");
    }

    /// @dev The last replica of 64, which has the most to exchange.
    function test_sums_of_64_replicas() public {
        Shape memory p = small();
        (p.replica, p.replicas, p.microBatches, p.lanes, p.items) = (63, 64, 64, 64, 1 + 2 * 14);
        build(p);
        Forest.Tree memory sums = Forest.uniform(false, 2 * 126, "item");
        statement[IPinpoint.Level.Results] = sums;
        setEntry("before", "after", sums.root(), "metrics");
        bytes32 gameId = accuse(challenger);
        post(gameId);
        choose(gameId, p.items + 2, ALL);
        measured("choose: the sums of 64 replicas");
        post(gameId);
        choose(gameId, 251, ALL);
        measured("choose: 2 levels to a sum");
        prove(gameId, solver, proof(statement[IPinpoint.Level.Items].open(25), sums.open(251)));
        measured("prove: a sum");
        won(gameId, IPinpoint.Side.Asserter);
        gameId = accuse(stranger);
        choose(gameId, 26, ALL);
        post(gameId);
        choose(gameId, 250, ALL);
        prove(gameId, solver, proof(statement[IPinpoint.Level.Items].open(26), sums.open(250)));
        measured("prove: an inbound sum");
        won(gameId, IPinpoint.Side.Asserter);
    }

    /// @dev 2^71 blocks of an entry: its items, the values of one, the words of that, a trace. Sums of all moves of each side.
    function whole(uint256 levels, string memory how) private {
        build(huge());
        bytes32 gameId = accuse(challenger);
        uint256[4] memory places = [shape.item, shape.inputs, shape.element, uint256(1234)];
        uint256[3] memory sums;
        IPinpoint.GameView memory g = game(gameId);
        while (g.level != IPinpoint.Level.End) {
            bool asserts = g.turn == IPinpoint.Side.Asserter;
            if (asserts) post(gameId);
            else choose(gameId, places[uint256(g.level)], levels);
            sums[asserts ? 0 : 1] += meter.lastCallGas().gasTotalUsed;
            if (!asserts) sums[2]++;
            g = game(gameId);
        }
        prove(gameId, solver, blockProof(1234));
        sums[0] += meter.lastCallGas().gasTotalUsed;
        meter.snapshotValue("pinpoint", string.concat("a whole game, ", how, ": asserter"), sums[0]);
        meter.snapshotValue("pinpoint", string.concat("a whole game, ", how, ": challenger"), sums[1]);
        meter.snapshotValue("pinpoint", string.concat("a whole game, ", how, ": choices"), sums[2]);
        yes(sums[0] < 1_500_000 && sums[1] < 1_500_000, how);
    }

    function test_whole_games() public {
        whole(ALL, "served");
        setUp();
        whole(1, "withheld");
    }
}
