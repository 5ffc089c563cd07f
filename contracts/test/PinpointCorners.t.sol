// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IPinpoint} from "../src/pinpoint/IPinpoint.sol";
import {Forest} from "./Forest.sol";
import {PinpointBase} from "./PinpointBase.sol";
import {vm} from "./Vm.sol";

/// @dev One more cheat code: who sends the transaction, too.
interface Origin {
    function prank(address sender, address origin) external;
}

/// @dev Malformed bytes that a job's digests cover, and openings that are not those of an end.
contract PinpointCornersTest is PinpointBase {
    using Forest for Forest.Tree;

    bool private floats;

    function dataFacts() internal view override returns (bytes memory) {
        if (!floats) return super.dataFacts();
        return abi.encodePacked(dataTree().root(), uint64(304), uint8(0), uint32(3), uint32(5), uint64(20));
    }

    function wrong(bytes32 part) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IPinpoint.WrongEvidence.selector, part);
    }

    function outOfRange(uint256 index) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IPinpoint.OutOfRange.selector, index);
    }

    function refusedChoice(bytes32 gameId, uint256 index, bytes[] memory path, bytes memory reason) private {
        IPinpoint.Evidence memory e = evidence();
        refused(challenger, reason);
        pinpoint.choose(gameId, uint64(index), path, e);
    }

    function refusedProof(bytes32 gameId, IPinpoint.Evidence memory e, bytes memory reason) private {
        refused(solver, reason);
        pinpoint.prove(gameId, e);
    }

    // ----------------------------------------------------------------- nodes

    function badNode(bytes memory bad) private {
        fresh();
        node = bad;
        facts = factsBytes(shape);
        bytes32 gameId = accuse(challenger);
        play(gameId, shape.item, ALL);
        post(gameId);
        bytes[] memory path = statement[IPinpoint.Level.Values].open(shape.inputs);
        refusedChoice(gameId, shape.inputs, path, abi.encodeWithSelector(IPinpoint.BadNode.selector));
    }

    function test_malformed_nodes() public {
        bytes memory program = programBytes(shape);
        bytes memory size = u32(program.length);
        bytes memory head = bytes.concat(hex"03", u32(0), u32(0));
        badNode(hex"03");
        badNode(bytes.concat(hex"03", u32(99), hex"00"));
        badNode(bytes.concat(hex"03", u32(0), u32(33)));
        badNode(head);
        badNode(bytes.concat(head, hex"0101", u32(4)));
        badNode(bytes.concat(head, hex"0101", u32(4), u32(1), program));
        badNode(bytes.concat(head, hex"0101", u32(0), size, program));
        badNode(bytes.concat(head, hex"0102", u32(1 << 16), u32(1 << 15), size, program));
    }

    function test_the_node_in_question_stays_the_same() public {
        bytes32 gameId = accuse(challenger);
        play(gameId, shape.item, ALL);
        play(gameId, shape.inputs, ALL);
        post(gameId);
        IPinpoint.Evidence memory e = evidence();
        e.node[5] ^= 0x01;
        bytes[] memory path = statement[IPinpoint.Level.Words].open(shape.element);
        refused(challenger, wrong("node"));
        pinpoint.choose(gameId, uint64(shape.element), path, e);
        play(gameId, shape.element, ALL);
        play(gameId, 3, ALL);
        e = blockProof(3);
        e.node[5] ^= 0x01;
        refusedProof(gameId, e, wrong("node"));
        prove(gameId, solver, blockProof(3));
    }

    // --------------------------------------------------------------- headers

    /// @dev An operand whose tensor root has a header that none has.
    function badHeader(bytes memory head) private {
        fresh();
        Forest.Tree memory words = operandWords(shape);
        Forest.Tree memory values = statement[IPinpoint.Level.Values];
        statement[IPinpoint.Level.Values] = values.with(0, Forest.tensorRoot(head, words));
        bytes32 gameId = accuse(challenger);
        playToBlock(gameId, 3, ALL);
        IPinpoint.Evidence memory e = blockProof(3);
        e.openings[1] = Forest.openTensor(head, words, shape.element * shape.loop + 3);
        refusedProof(gameId, e, wrong("header"));
        e.openings[1] = new bytes[](0);
        refusedProof(gameId, e, abi.encodeWithSelector(IPinpoint.WrongDepth.selector, 1, 0));
        e.openings[1] = Forest.openTensor(operandHeader(shape), words, 0);
        refusedProof(gameId, e, abi.encodeWithSelector(IPinpoint.WrongPreimage.selector, 0, 0));
    }

    function test_malformed_headers() public {
        badHeader(bytes.concat(hex"030101", u32(2800)));
        badHeader(bytes.concat(hex"020401", u32(2800)));
        badHeader(bytes.concat(hex"020102", u32(2800)));
        badHeader(hex"020109");
        badHeader(bytes.concat(hex"020101", u32(0)));
        badHeader(bytes.concat(hex"020102", u32(1 << 16), u32(1 << 15)));
    }

    function test_words_and_leaves_beyond_a_tensor() public {
        bytes32 gameId = accuse(challenger);
        playToBlock(gameId, 3, ALL);
        IPinpoint.Evidence memory e = blockProof(3);
        e.words[0].index = 2800;
        refusedProof(gameId, e, outOfRange(11_200));
        e = blockProof(3);
        e.words[1].index = 701;
        refusedProof(gameId, e, outOfRange(2804));
        e = blockProof(3);
        e.openings[2] = new bytes[](1);
        refusedProof(gameId, e, abi.encodeWithSelector(IPinpoint.WrongDepth.selector, 2, 1));
    }

    // ------------------------------------------------------------------ ends

    function test_exports_that_are_none() public {
        statement[IPinpoint.Level.Results] = Forest.uniform(false, 4, "y");
        setEntry("before", "after", statement[IPinpoint.Level.Results].root(), "metrics");
        bytes32 gameId = accuse(challenger);
        play(gameId, shape.items + 2, ALL);
        post(gameId);
        refusedChoice(gameId, 4, new bytes[](0), outOfRange(4));
        bytes32 other = accuse(stranger);
        IPinpoint.Evidence memory e = evidence();
        bytes[] memory path = statement[IPinpoint.Level.Items].open(shape.item);
        vm.prank(stranger);
        pinpoint.choose(other, uint64(shape.item), path, e);
        post(other);
        uint64 behind = uint64(shape.inputs + shape.nodes + 1);
        refused(stranger, outOfRange(behind));
        pinpoint.choose(other, behind, new bytes[](0), e);
    }

    function test_every_end_has_its_number_of_openings() public {
        bytes32 gameId = accuse(challenger);
        play(gameId, shape.items, ALL);
        bytes[] memory item = statement[IPinpoint.Level.Items].open(12);
        refusedProof(gameId, proof(item, item), wrong("openings"));
        refusedProof(gameId, evidence(), wrong("openings"));
        prove(gameId, solver, proof(item));
        won(gameId, IPinpoint.Side.Asserter);
    }

    /// @dev Nothing says of such a sum whether the entry is true: the choice would leave its asserter without a proof.
    /// @dev Nobody could prove anything about them: who names one has lost, and is passed on to who has computed it.
    function test_sums_that_are_no_items_are_those_of_others() public {
        build(quarter());
        statement[IPinpoint.Level.Results] = Forest.uniform(false, 12, "item");
        setEntry("before", "after", statement[IPinpoint.Level.Results].root(), "metrics");
        // Of replicas 0 and 2, in either step; and none behind the last.
        uint64[4] memory others = [uint64(0), 2, 6, 8];
        IPinpoint.Evidence memory none;
        for (uint160 i = 0; i < others.length; i++) {
            address one = address(0x1000 + i);
            bytes32 gameId = accuse(one);
            play(gameId, shape.items + 2, ALL);
            post(gameId);
            refused(one, outOfRange(12));
            pinpoint.choose(gameId, 12, new bytes[](0), none);
            choose(gameId, others[i], ALL);
            won(gameId, IPinpoint.Side.Asserter);
            (bool passed, uint16 replica) = pinpoint.passedTo(address(this), entryHash, one);
            yes(passed && replica == others[i] % 6, "passed on");
            yes(pinpoint.lost(address(this), entryHash, one), "lost here");
        }
        bytes32 last = accuse(challenger);
        play(last, shape.items + 2, ALL);
        post(last);
        choose(last, 11, ALL);
        prove(
            last, solver, proof(statement[IPinpoint.Level.Items].open(9), statement[IPinpoint.Level.Results].open(11))
        );
        won(last, IPinpoint.Side.Asserter);
        (bool own,) = pinpoint.passedTo(address(this), entryHash, challenger);
        yes(!own, "what it has joined itself is its own");
    }

    function test_records_of_words() public {
        floats = true;
        fresh();
        uint256[] memory axes = new uint256[](2);
        (axes[0], axes[1]) = (2, 5);
        bytes memory head = Forest.header(0, axes);
        Forest.Tree memory words = Forest.uniform(true, 10, bytes32(uint256(0x01010101)));
        statement[IPinpoint.Level.Values] = statement[IPinpoint.Level.Values].with(5, Forest.tensorRoot(head, words));
        bytes32 gameId = accuse(challenger);
        play(gameId, shape.item, ALL);
        play(gameId, 5, ALL);
        vm.prank(solver);
        pinpoint.post(gameId, head, words.preimage(0, 0));
        statement[IPinpoint.Level.Words] = words;
        choose(gameId, 9, ALL);
        prove(gameId, challenger, proof(dataTree().open(0)));
        won(gameId, IPinpoint.Side.Asserter);
    }

    // ------------------------------------------------------------------- gas

    function test_who_sends_a_transaction_is_repaid_for_it() public {
        // Another game's post: neither of the two has been written yet, so that they cost the same.
        post(accuse(address(0xabc)));
        bytes32 gameId = accuse(challenger);
        IPinpoint.Evidence memory e = evidence();
        bytes[] memory path = statement[IPinpoint.Level.Items].open(1);
        Origin(address(vm)).prank(challenger, challenger);
        pinpoint.choose(gameId, 1, path, e);
        bytes32 other = accuse(stranger);
        vm.prank(stranger);
        pinpoint.choose(other, 1, path, e);
        uint256 sent = pinpoint.meteredGas(address(this), entryHash, challenger);
        yes(sent > pinpoint.meteredGas(address(this), entryHash, stranger) + 21_000, "intrinsic cost");
        IPinpoint.GameView memory g = game(gameId);
        vm.roll(g.since + g.asserterClock + 1);
        vm.prank(challenger);
        pinpoint.timeout(gameId);
        yes(pinpoint.meteredGas(address(this), entryHash, challenger) > sent, "and for the end");
    }
}
