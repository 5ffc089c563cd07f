// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IArbiter} from "../src/IArbiter.sol";
import {IAssay} from "../src/IAssay.sol";
import {IPinpoint} from "../src/pinpoint/IPinpoint.sol";
import {Games} from "./Games.sol";
import {vm} from "./Vm.sol";

/// @dev One job among honest and dishonest accounts, driven by random calls. Time passes only through `wait`, before
/// which the honest do their duty: verdicts, moves in their games, answers to summons. Everything else is up to chance.
contract Handler is Games {
    bytes32 public jobId;
    uint256 public escrowPaid;
    address[] public everybody;
    address[] public honest;
    address[] private verifiers;
    address private liar;
    address[4] private crooks;
    bytes32[] private disputes;
    mapping(bytes32 entryHash => address[]) private bonded;
    /// @notice Accusers that were passed on.
    uint256 public passages;
    /// @dev 1 + the replica that lied, by epoch and window; 0 where the window is sound.
    mapping(uint32 epoch => mapping(uint32 window => uint256)) private forged;

    function setUp() public override {
        super.setUp();
        IAssay.JobTerms memory t = playable();
        t.sampleRate = 2 ** 63;
        t.jobPeriod = 300;
        // Two of its three windows are paid for.
        escrowPaid = 2 * (2 * 2 * 1100 + 50);
        vm.deal(submitter, escrowPaid);
        vm.prank(submitter);
        jobId = assay.registerJob{value: escrowPaid}(t, 7);
        join("honest solver", IAssay.Role.Solver, true);
        liar = join("liar", IAssay.Role.Solver, false);
        join("honest verifier", IAssay.Role.Verifier, true);
        join("another honest verifier", IAssay.Role.Verifier, true);
        join("crooked verifier", IAssay.Role.Verifier, false);
        join("coordinator", IAssay.Role.Coordinator, true);
        join("another coordinator", IAssay.Role.Coordinator, true);
        vm.roll(job(jobId).bidsClose + 3);
        assay.assign(jobId);
        join("honest standby", IAssay.Role.Solver, true);
        join("lazy standby", IAssay.Role.Solver, false);
        crooks = [liar, verifiers[2], actor("lazy standby"), stranger];
        fund(whistleblower);
        fund(stranger);
        everybody.push(whistleblower);
        everybody.push(stranger);
        everybody.push(submitter);
        honest.push(whistleblower);
    }

    function join(string memory name, IAssay.Role role, bool good) private returns (address account) {
        account = actor(name);
        bid(jobId, account, role);
        everybody.push(account);
        if (good) honest.push(account);
        if (role == IAssay.Role.Verifier) verifiers.push(account);
    }

    // ---------------------------------------------------------- the actions

    function wait(uint256 blocks) external {
        doDuties();
        vm.roll(block.number + blocks % 5 + 1);
        fixSeeds();
    }

    function waitLong(uint256 blocks) external {
        for (uint256 i = 0; i < blocks % 8; i++) {
            doDuties();
            vm.roll(block.number + 5);
        }
    }

    /// @dev Commits the next window; where the liar is a cell, it may lie in every slot and fool the others.
    function commitNext(uint256 pick) external {
        bool lie = pick % 4 == 0;
        IAssay.JobView memory v = job(jobId);
        if (v.phase != IAssay.Phase.Active || v.replicas == 0 || v.nextWindow >= v.totalWindows) return;
        uint256 culprit;
        address[] memory cells = assay.cellsOf(jobId, v.epoch);
        for (uint256 r = 0; lie && r < cells.length; r++) {
            if (cells[r] == liar) culprit = r + 1;
        }
        (IAssay.Entry[] memory entries, bytes[] memory signatures) = build(jobId, culprit == 0 ? 0 : v.epoch);
        keep(entries);
        vm.prank(v.lease);
        try assay.commitWindow(jobId, v.epoch, v.nextWindow, entries, signatures) {
            forged[v.epoch][v.nextWindow] = culprit;
        } catch {}
    }

    function fixSeeds() public {
        (uint32 from, uint32 to) = live();
        for (uint32 w = from; w < to; w++) {
            try assay.fixSeed(jobId, w) {} catch {}
        }
    }

    /// @dev The crooked verifier says what it likes, or nothing.
    function crookedVerdict(uint256 pick, bool accept, bool again) external {
        (uint32 from, uint32 to) = live();
        if (from == to) return;
        uint32 w = from + uint32(pick % (to - from));
        IAssay.WindowView memory v = window(jobId, w);
        uint16 i = uint16(pick / 8 % v.entries);
        uint16 against = accept ? i : uint16(i / 2 * 2 + pick / 64 % 2);
        if (!v.seeded || verifierOf(jobId, w, i) != verifiers[2]) return;
        bytes32 hash = commitment(assay.entryOf(jobId, w, i).entryHash, verifiers[2], accept, against);
        vm.prank(verifiers[2]);
        try assay.commitVerdict(jobId, v.epoch, w, i, hash) {} catch {}
        if (!again) return;
        vm.prank(verifiers[2]);
        try assay.revealVerdict(jobId, v.epoch, w, i, accept, against, DIGEST, SALT) {
            if (!accept) note(w, against);
        } catch {}
    }

    function crookedAbstains(uint256 pick) external {
        (uint32 from, uint32 to) = live();
        if (from == to) return;
        uint32 epoch = window(jobId, from).epoch;
        vm.prank(verifiers[2]);
        try assay.abstain(jobId, epoch, from, uint16(pick % 4)) {} catch {}
    }

    /// @dev The crooked accuse anything; the whistleblower only what it knows to be false.
    function accuse(uint256 pick, bool good) external {
        (uint32 from, uint32 to) = live();
        if (from == to) return;
        uint32 w = from + uint32(pick % (to - from));
        IAssay.WindowView memory v = window(jobId, w);
        uint256 culprit = forged[v.epoch][w];
        // What a solver gives up voids windows: too many accusations and nothing else would ever happen.
        if (good ? culprit == 0 : pick % 2 != 0) return;
        uint16 i = good ? uint16(culprit - 1) : uint16(pick / 32 % v.entries);
        challengeAs(good ? whistleblower : crooks[pick / 256 % 4], w, i);
    }

    /// @return Whether that was possible.
    function challengeAs(address accuser, uint32 w, uint16 i) private returns (bool) {
        uint32 epoch = window(jobId, w).epoch;
        vm.prank(accuser);
        try assay.challenge(jobId, epoch, w, i) {
            bonded[note(w, i)].push(accuser);
            return true;
        } catch {
            return false;
        }
    }

    /// @dev Somebody accuses an entry only to lose, so that it is upheld.
    function launder(uint256 pick) external {
        (uint32 from, uint32 to) = live();
        if (from == to) return;
        uint32 w = from + uint32(pick % (to - from));
        uint16 i = uint16(pick / 8 % window(jobId, w).entries);
        address accuser = crooks[pick / 64 % 4];
        if (!challengeAs(accuser, w, i)) return;
        bytes32 entryHash = assay.entryOf(jobId, w, i).entryHash;
        IPinpoint.ClaimView memory c = claim(entryHash);
        uint256 seat = c.seats[0].done ? c.seats.length - 1 : 0;
        if (!c.seats[seat].done) concede(accuser, gameId(entryHash, seat, c.challengers.length - 1));
        if (pick / 2048 % 2 == 0) passOn(entryHash, accuser, 1 - i % 2);
    }

    /// @dev As if the accuser had lost over a sum of the other replica's.
    function passOn(bytes32 entryHash, address accuser, uint16 replica) private {
        if (assay.cellsOf(jobId, assay.disputeOf(entryHash).epoch).length != 2) return;
        bytes memory asked = abi.encodeCall(IArbiter.passedTo, (address(assay), entryHash, accuser));
        vm.mockCall(address(pinpoint), asked, abi.encode(true, replica));
    }

    /// @dev The liar gives up a claim that somebody has accepted.
    function desert(uint256 pick) external {
        (uint32 from, uint32 to) = live();
        for (uint32 w = from; w < to; w++) {
            address[] memory cells = assay.cellsOf(jobId, window(jobId, w).epoch);
            for (uint16 i = 0; i < window(jobId, w).entries; i++) {
                if (cells[i % cells.length] != liar || !assay.entryOf(jobId, w, i).accepted) continue;
                if (!challengeAs(crooks[1 + pick % 3], w, i)) continue;
                bytes32 entryHash = assay.entryOf(jobId, w, i).entryHash;
                IPinpoint.ClaimView memory c = claim(entryHash);
                if (!c.seats[0].done) concede(liar, gameId(entryHash, 0, c.challengers.length - 1));
                return;
            }
        }
    }

    function concede(address player, bytes32 id) private {
        vm.prank(player);
        pinpoint.concede(id);
    }

    /// @dev Those without honour give up, post what is false, doubt what is true, take a seat; or let their time run out.
    function crookedMove(uint256 pick) external {
        if (disputes.length == 0) return;
        bytes32 entryHash = disputes[pick % disputes.length];
        IPinpoint.ClaimView memory v = claim(entryHash);
        uint256 how = pick / 1024 % 4;
        if (how == 0) {
            vm.prank(verifiers[2]);
            try pinpoint.defend(address(assay), entryHash) {} catch {}
            return;
        }
        uint256 s = pick / 32 % v.seats.length;
        uint256 c = pick / 128 % v.challengers.length;
        if (v.seats[s].done || v.challengers[c].done) return;
        bytes32 id = gameId(entryHash, s, c);
        IPinpoint.GameView memory g = pinpoint.gameOf(id);
        if (how == 1) {
            if (isHonest(g.asserter) && isHonest(g.challenger)) return;
            concede(isHonest(g.asserter) ? g.challenger : g.asserter, id);
        } else if (g.level == IPinpoint.Level.Items && block.number <= moveUntil(g)) {
            bool posts = g.turn == IPinpoint.Side.Asserter;
            if (posts && !isHonest(g.asserter)) postItems(entryHash, id, g.asserter, false);
            if (!posts && !isHonest(g.challenger)) chooseRoot(entryHash, id, g.challenger);
        }
    }

    /// @dev Anybody ends games that have run out of time.
    function endGames() public {
        for (uint256 d = 0; d < disputes.length; d++) {
            if (!isOpen(disputes[d])) continue;
            IPinpoint.ClaimView memory v = claim(disputes[d]);
            for (uint256 i = 0; i < v.seats.length * v.challengers.length; i++) {
                bytes32 id = gameId(disputes[d], i % v.seats.length, i / v.seats.length);
                vm.prank(stranger);
                try pinpoint.timeout(id) {} catch {}
            }
        }
    }

    function resolveAll() public {
        for (uint256 i = 0; i < disputes.length; i++) {
            if (isOpen(disputes[i])) carryOutIfRuled(disputes[i]);
        }
    }

    function carryOutIfRuled(bytes32 entryHash) private {
        if (pinpoint.ruling(address(assay), entryHash) == IArbiter.Ruling.Pending) return;
        address[] memory had = bonded[entryHash];
        delete bonded[entryHash];
        IAssay.DisputeView memory d = assay.disputeOf(entryHash);
        IAssay.WindowView memory v = window(jobId, d.window);
        bool paired = assay.cellsOf(jobId, d.epoch).length == 2 && v.epoch == d.epoch;
        if (!paired || v.status != IAssay.WindowStatus.Committed) return carryOut(entryHash);
        bytes32 next = assay.entryOf(jobId, d.window, d.index ^ 1).entryHash;
        address[] memory before = accusersOf(next);
        carryOut(entryHash);
        address[] memory present = accusersOf(next);
        // Bonds of those who were passed on have gone along.
        for (uint256 i = 0; i < had.length; i++) {
            if (!among(present, had[i]) || among(before, had[i])) continue;
            bonded[note(d.window, d.index ^ 1)].push(had[i]);
            passages++;
        }
    }

    function accusersOf(bytes32 entryHash) private view returns (address[] memory) {
        IAssay.DisputeView memory d = assay.disputeOf(entryHash);
        return d.ruling == IArbiter.Ruling.Pending ? d.accusers : new address[](0);
    }

    function among(address[] memory accounts, address account) private pure returns (bool) {
        for (uint256 i = 0; i < accounts.length; i++) {
            if (accounts[i] == account) return true;
        }
        return false;
    }

    function isOpen(bytes32 entryHash) private view returns (bool) {
        return assay.disputeOf(entryHash).ruling == IArbiter.Ruling.Pending;
    }

    function signTwice() external {
        IAssay.JobView memory v = job(jobId);
        address[] memory cells = assay.cellsOf(jobId, v.epoch);
        if (v.nextWindow >= v.totalWindows) return;
        for (uint256 r = 0; r < cells.length; r++) {
            if (cells[r] != liar) continue;
            (IAssay.Entry[] memory a,) = build(jobId, 0);
            (IAssay.Entry[] memory b,) = build(jobId, 1);
            (bytes memory sigA, bytes memory sigB) = (sign(a[r]), sign(b[r]));
            vm.prank(stranger);
            try assay.equivocation(a[r], sigA, b[r], sigB) {} catch {}
        }
    }

    function redrawAll() external {
        (uint32 from, uint32 to) = live();
        for (uint32 w = from; w < to; w++) {
            try assay.redraw(jobId, w) {} catch {}
        }
    }

    function settleNext() external {
        try assay.settleWindow(jobId, job(jobId).finalWindows) {} catch {}
    }

    function summonCell(uint16 replica) external {
        vm.prank(job(jobId).lease);
        try assay.summon(jobId, replica % 2) {} catch {}
    }

    function replaceCell(uint16 replica, bool byHolder) external {
        vm.prank(byHolder ? job(jobId).lease : stranger);
        try assay.replace(jobId, replica % 2) {} catch {}
    }

    function takeLease(uint256 pick) external {
        vm.prank(everybody[pick % everybody.length]);
        try assay.claimLease(jobId) {} catch {}
    }

    function assignAgain() external {
        try assay.assign(jobId) {} catch {}
    }

    function bidLate(uint256 pick) external {
        address account = everybody[pick % everybody.length];
        uint256 stake = assay.balanceOf(account);
        vm.prank(account);
        try assay.bid(jobId, IAssay.Role.Solver, uint128(stake < 2 ** 96 ? stake / 2 : 0)) {} catch {}
    }

    function unbondAny(uint256 pick) external {
        try assay.unbond(jobId, everybody[pick % everybody.length]) {} catch {}
    }

    /// @dev Anybody pays a little or a lot; the submitter may ask for more time.
    function topUp(uint256 amount, uint256 blocks, bool bySubmitter) external {
        address payer = bySubmitter ? submitter : stranger;
        amount = amount % 3000;
        vm.deal(payer, amount);
        vm.prank(payer);
        try assay.topUp{value: amount}(jobId, bySubmitter ? uint32(blocks % 200) : 0) {
            escrowPaid += amount;
        } catch {}
    }

    /// @dev Seldom, or no job would ever get far.
    function cancelJob(uint256 pick) external {
        if (pick % 4 != 0) return;
        vm.prank(submitter);
        try assay.cancel(jobId) {} catch {}
    }

    function expire() public {
        try assay.expire(jobId) {} catch {}
    }

    // ----------------------------------------------------------- the honest

    function live() private view returns (uint32, uint32) {
        IAssay.JobView memory v = job(jobId);
        if (v.phase != IAssay.Phase.Active) return (0, 0);
        return (v.finalWindows, v.nextWindow);
    }

    function isHonest(address account) private view returns (bool) {
        for (uint256 i = 0; i < honest.length; i++) {
            if (honest[i] == account) return true;
        }
        return false;
    }

    function note(uint32 w, uint16 i) private returns (bytes32 entryHash) {
        entryHash = assay.entryOf(jobId, w, i).entryHash;
        for (uint256 d = 0; d < disputes.length; d++) {
            if (disputes[d] == entryHash) return entryHash;
        }
        disputes.push(entryHash);
    }

    function doDuties() public {
        (uint32 from, uint32 to) = live();
        for (uint32 w = from; w < to; w++) {
            judge(w);
        }
        for (uint256 d = 0; d < disputes.length; d++) {
            play(disputes[d]);
        }
        answer();
    }

    /// @dev Honest verifiers commit and reveal the truth; without free stake they abstain.
    function judge(uint32 w) private {
        IAssay.WindowView memory v = window(jobId, w);
        if (v.status != IAssay.WindowStatus.Committed || !v.seeded || block.number > job(jobId).deadline) return;
        uint256 culprit = forged[v.epoch][w];
        for (uint16 i = 0; i < v.entries; i++) {
            uint64 bit = uint64(1) << i;
            address verifier = v.sampled & bit == 0 ? address(0) : verifierOf(jobId, w, i);
            if (!isHonest(verifier) || (v.committed | v.abstained) & bit != 0 || block.number > v.verdictsUntil) continue;
            bytes32 hash = commitment(assay.entryOf(jobId, w, i).entryHash, verifier, culprit == 0, target(v, i, culprit));
            vm.prank(verifier);
            try assay.commitVerdict(jobId, v.epoch, w, i, hash) {}
            catch {
                vm.prank(verifier);
                assay.abstain(jobId, v.epoch, w, i);
            }
        }
        v = window(jobId, w);
        if (v.sampled & ~(v.committed | v.abstained) != 0 && block.number <= v.verdictsUntil) return;
        for (uint16 i = 0; i < v.entries; i++) {
            uint64 bit = uint64(1) << i;
            address verifier = assay.entryOf(jobId, w, i).verifier;
            bool due = v.committed & bit != 0 && (v.accepted | v.rejected) & bit == 0 && block.number <= v.revealsUntil;
            if (!due || !isHonest(verifier)) continue;
            uint16 against = target(v, i, culprit);
            bytes32 entryHash = assay.entryOf(jobId, w, i).entryHash;
            vm.prank(verifier);
            try assay.revealVerdict(jobId, v.epoch, w, i, culprit == 0, against, DIGEST, SALT) {}
            catch (bytes memory reason) {
                require(bytes4(reason) == IAssay.RulingDue.selector, "a verdict is refused");
                carryOutIfRuled(entryHash);
                return;
            }
            if (culprit != 0) note(w, against);
        }
    }

    function target(IAssay.WindowView memory v, uint16 i, uint256 culprit) private view returns (uint16) {
        if (culprit == 0) return i;
        uint256 replicas = assay.cellsOf(jobId, v.epoch).length;
        return uint16(i / replicas * replicas + culprit - 1);
    }

    /// @dev The honest take the seats that are theirs to take, and make their moves in all their games.
    function play(bytes32 entryHash) private {
        if (!isOpen(entryHash) || pinpoint.ruling(address(assay), entryHash) != IArbiter.Ruling.Pending) return;
        IPinpoint.ClaimView memory v = claim(entryHash);
        for (uint256 a = 0; a < v.acceptors.length; a++) {
            if (v.defendUntil == 0 || v.acceptors[a].done || !isHonest(v.acceptors[a].account)) continue;
            vm.prank(v.acceptors[a].account);
            pinpoint.defend(address(assay), entryHash);
            v = claim(entryHash);
        }
        for (uint256 s = 0; s < v.seats.length; s++) {
            for (uint256 c = 0; c < v.challengers.length; c++) {
                if (v.seats[s].done || v.challengers[c].done) continue;
                move(entryHash, gameId(entryHash, s, c));
                v = claim(entryHash);
            }
        }
    }

    function move(bytes32 entryHash, bytes32 id) private {
        IPinpoint.GameView memory g = pinpoint.gameOf(id);
        bool defends = isHonest(g.asserter);
        bool accuses = isHonest(g.challenger);
        bool asserts = g.turn == IPinpoint.Side.Asserter;
        if (block.number > moveUntil(g)) {
            if (asserts ? !accuses : !defends) return;
            vm.prank(asserts ? g.challenger : g.asserter);
            pinpoint.timeout(id);
        } else if (g.level == IPinpoint.Level.End) {
            if (defends) proveRoot(entryHash, id, g.asserter, true);
            else if (accuses) proveRoot(entryHash, id, g.challenger, false);
        } else if (asserts && defends) {
            postItems(entryHash, id, g.asserter, true);
        } else if (!asserts && accuses) {
            chooseRoot(entryHash, id, g.challenger);
        }
    }

    function answer() private {
        IAssay.JobView memory v = job(jobId);
        address[] memory cells = assay.cellsOf(jobId, v.epoch);
        for (uint16 r = 0; r < cells.length; r++) {
            if (!isHonest(cells[r])) continue;
            vm.prank(cells[r]);
            try assay.present(jobId, r) {} catch {}
        }
    }

    // ------------------------------------------------------------ the books

    /// @dev Everything the contract owes.
    function owed() external view returns (uint256 sum) {
        sum = job(jobId).escrow;
        for (uint256 i = 0; i < everybody.length; i++) {
            sum += wealth(jobId, everybody[i]) + bondsOf(everybody[i]);
        }
    }

    function bondsOf(address account) public view returns (uint256 sum) {
        for (uint256 i = 0; i < disputes.length; i++) {
            for (uint256 j = 0; j < bonded[disputes[i]].length; j++) {
                if (bonded[disputes[i]][j] == account) sum += BOND;
            }
        }
    }

    function balance() external view returns (uint256) {
        return address(assay).balance;
    }

    function honestCount() external view returns (uint256) {
        return honest.length;
    }

    function fortune(address account) external view returns (uint256) {
        return wealth(jobId, account) + bondsOf(account);
    }

    /// @dev What the final windows cost: each slot once, each acceptance once, each commit once.
    function spent() external view returns (uint256 sum) {
        IAssay.JobView memory v = job(jobId);
        for (uint32 w = 0; w < v.finalWindows; w++) {
            sum += 2 * 2 * 1000 + 50; // six slots in three windows
            uint16 entries = window(jobId, w).entries;
            for (uint16 i = 0; i < entries; i++) {
                if (assay.entryOf(jobId, w, i).accepted) sum += 100;
            }
        }
    }

    function phase() external view returns (IAssay.Phase) {
        return job(jobId).phase;
    }

    function refund() external view returns (uint256) {
        return assay.balanceOf(submitter);
    }

    function escrow() external view returns (uint256) {
        return job(jobId).escrow;
    }

    /// @dev From wherever chance left the job: it ends, and everybody can take out what is theirs.
    function windDown() external {
        for (uint256 i = 0; i < 80; i++) {
            doDuties();
            vm.roll(block.number + 8); // past the latest deadline in the end
            endGames();
            resolveAll();
        }
        // What is verified is settled before the job can expire.
        for (uint256 i = 0; i < 8; i++) {
            try assay.settleWindow(jobId, job(jobId).finalWindows) {} catch {}
        }
        expire();
        yes(job(jobId).phase > IAssay.Phase.Active, "the job ends");
        for (uint256 i = 0; i < everybody.length; i++) {
            address account = everybody[i];
            eq(assay.seatOf(jobId, account).reserved, 0, "nothing stays reserved");
            if (assay.seatOf(jobId, account).stake > 0) assay.unbond(jobId, account);
            uint256 free = assay.balanceOf(account);
            vm.prank(account);
            assay.withdraw(free);
        }
        eq(address(assay).balance, 0, "and nothing is left behind");
    }
}
