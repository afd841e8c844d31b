"""Sentences that are raised or noted anywhere in the program: English template -> Chinese (see vivid/errors.py).

`{}` stands for a value in the English ones, `{0}`, `{1}`, ... for the same values in the Chinese ones. Values that are
in the table themselves (a kind of file, a part of the body) are translated with their sentence.
"""

from __future__ import annotations

TABLE: dict[str, str] = {
    # Words and phrases that stand within sentences
    "picture": "图片",
    "sound file": "声音文件",
    "video": "视频",
    "portrait": "肖像",
    "voice": "语音",
    "motion": "动作",
    "left hand": "左手",
    "right hand": "右手",
    "left": "左",
    "right": "右",
    "body": "身体",
    "face": "面部",
    "neck": "颈部",
    "nose": "鼻子",
    "hips": "髋部",
    "more": "更多",
    "longer": "更",
    "the global factor": "整体系数",
    "the other one's length": "另一侧的长度",
    "{} seconds": "{0} 秒",
    "the limit is {} megapixels, scale it down": "上限为 {0} 百万像素，请缩小",
    "frame {} of {}": "{1} 的第 {0} 帧",
    "frame {} ({} s)": "第 {0} 帧（{1} 秒）",
    "frames {}-{} ({}-{} s)": "第 {0}–{1} 帧（{2}–{3} 秒）",
    "{} more stretches": "另外 {0} 段",
    "{}, {}": "{0}、{1}",
    "{} and {}": "{0}和{1}",
    "{}: {}": "{0}：{1}",
    "frame {} ({}.npy) of {}": "{2} 的第 {0} 帧（{1}.npy）",
    # Files of any kind
    "The {} {} is empty: choose another one.": "{0} {1} 是空的：请另选一个。",
    "The {} {} has {}, the limit is {}: choose a smaller or shorter one.": (
        "{0} {1} 大小为 {2}，上限为 {3}：请选择更小或更短的文件。"
    ),
    "The {} {} cannot be opened: check its name and permissions.": "{0} {1} 无法打开：请检查文件名和权限。",
    "There is no {} at {}: check the path.": "找不到{0} {1}：请检查路径。",
    "{} is not a file: give the path of one {}.": "{0} 不是文件：请选择一个{1}。",
    "No ffmpeg program was found: `pip install imageio-ffmpeg` brings one.": (
        "服务器缺少 ffmpeg：请管理者运行 pip install imageio-ffmpeg。"
    ),
    "{} takes too long to open: convert it to MP4 or WAV first.": "{0} 打开耗时过长：请先转换为 MP4 或 WAV。",
    "{} is no gesture clip that can be read: use a video, .npz, OpenPose .json or an EchoMimicV2 archive.": (
        "{0} 不是可读取的手势片段：请使用视频、.npz、OpenPose .json 或 EchoMimicV2 压缩包。"
    ),
    "{} is neither a sound nor a video file that can be read: use WAV, MP3, M4A or MP4.": (
        "{0} 不是可读取的声音或视频文件：请使用 WAV、MP3、M4A 或 MP4。"
    ),
    # Pictures
    "{} is a HEIC picture, which cannot be read here: save it as JPEG or PNG.": (
        "{0} 是 HEIC 图片，此处无法读取：请另存为 JPEG 或 PNG。"
    ),
    "{} is too large: {}.": "{0} 太大：{1}。",
    "{} is stored in {} passes, too many to decode: save it again as JPEG or PNG.": (
        "{0} 分 {1} 遍存储，解码耗时过长：请重新保存为 JPEG 或 PNG。"
    ),
    "{} takes too long to decode: save it again as JPEG or PNG.": "{0} 解码耗时过长：请重新保存为 JPEG 或 PNG。",
    "{} takes too much memory to decode: scale it down.": "{0} 解码所需内存过多：请缩小。",
    "{} takes too long to read: trim the clip, or keep one person in it.": (
        "{0} 读取耗时过长：请剪短片段，或只保留一个人。"
    ),
    "{} takes too much memory to read: trim the clip, or keep one person in it.": (
        "{0} 读取所需内存过多：请剪短片段，或只保留一个人。"
    ),
    "{} cannot be read as a picture: use a JPEG, PNG or WebP file.": (
        "{0} 无法作为图片读取：请使用 JPEG、PNG 或 WebP 文件。"
    ),
    "The picture has {} x {} pixels: {}.": "图片为 {0} × {1} 像素：{2}。",
    "The picture has only {} x {} pixels: choose one of at least {} on each side.": (
        "图片只有 {0} × {1} 像素：请选择每边至少 {2} 像素的图片。"
    ),
    "{} is damaged or incomplete: save or download it again.": "{0} 已损坏或不完整：请重新保存或下载。",
    "No person was found in the picture: use one that shows head, shoulders and arms, well lit.": (
        "图片中没有找到人物：请使用光线良好、露出头、肩和手臂的图片。"
    ),
    "No face was found in the picture: use one where the person looks towards the camera.": (
        "图片中没有找到面部：请使用人物面向镜头的图片。"
    ),
    "No head was found in the portrait: choose a picture that shows the face and the shoulders.": (
        "肖像中没有找到头部：请选择露出面部和肩部的图片。"
    ),
    "There are {} people in the picture; the largest one near the middle is used: crop the picture if that is not who "
    "you mean.": "图片中有 {0} 个人；将使用靠近中间、最大的一位：如果不是您想要的人，请裁剪图片。",
    "The portrait does not show the {} hand: its look is made up.": "肖像中看不到{0}手：其外观将由模型补全。",
    "The {} hand in the portrait is blurred or small: a sharper picture gives better hands.": (
        "肖像中的{0}手模糊或较小：更清晰的图片会有更好的手部效果。"
    ),
    "The person in the portrait seems to lie or stand on the head: turn the picture upright.": (
        "肖像中的人物似乎是躺着或倒立的：请把图片转正。"
    ),
    "The head in the portrait is cut off at the top: leave some room above it.": "肖像的头顶被截断：请在上方留出空间。",
    "The face in the portrait is only {} pixels high: use a larger picture or crop closer.": (
        "肖像的面部高度只有 {0} 像素：请使用更大的图片或裁剪得更近。"
    ),
    "The face in the portrait is {} pixels high: from about 100 on the mouth gets sharp.": (
        "肖像的面部高度仅 {0} 像素：约 100 像素以上嘴部才清晰。"
    ),
    "The head in the portrait is very dark: use a picture in better light.": "肖像的头部很暗：请使用光线更好的图片。",
    "A shoulder is outside the portrait: gestures may look cramped.": "有一侧肩部在肖像之外：手势可能显得局促。",
    "{} does not stand upright: turn it by {} degrees to the left.": "{0} 没有摆正：请向左旋转 {1} 度。",
    # Sound
    "{} has {} of sound, the limit is {} seconds: cut it shorter.": "{0} 的声音长度为 {1}，上限为 {2} 秒：请剪短。",
    "{} has only {} seconds of sound: choose one of at least {} seconds.": (
        "{0} 只有 {1} 秒声音：请选择至少 {2} 秒的文件。"
    ),
    "{} has no sound: choose a file with speech in it.": "{0} 没有声音：请选择含有语音的文件。",
    "The sound in {} cannot be decoded: convert it to WAV or MP3.": "{0} 中的声音无法解码：请转换为 WAV 或 MP3。",
    "{} is empty or damaged: there is no moment of sound in it. Record it anew.": (
        "{0} 是空的或已损坏：其中没有任何声音。请重新录制。"
    ),
    "{} holds no valid samples: export it again as WAV.": "{0} 不含有效的声音数据：请重新导出为 WAV。",
    "{} has {} channels of sound: mix it down to mono or stereo first.": (
        "{0} 有 {1} 个声道：请先混合为单声道或立体声。"
    ),
    "{} takes too long to decode: convert it to MP4 or WAV first.": "{0} 解码耗时过长：请先转换为 MP4 或 WAV。",
    "The speech is shorter than one frame of video: record at least a second.": (
        "语音比一帧画面还短：请至少录制一秒。"
    ),
    # Videos
    "{} is {} long, the limit is {} seconds: cut it shorter.": "{0} 长度为 {1}，上限为 {2} 秒：请剪短。",
    "{} has no pictures in it: choose a video file such as MP4, MOV or WebM.": (
        "{0} 中没有画面：请选择 MP4、MOV 或 WebM 等视频文件。"
    ),
    "{} has {} x {} pixels a frame, the limit is {} megapixels: scale it down.": (
        "{0} 每帧为 {1} × {2} 像素，上限为 {3} 百万像素：请缩小。"
    ),
    "{} has only {} x {} pixels a frame: choose a larger one.": "{0} 每帧只有 {1} × {2} 像素：请选择更大的视频。",
    "No frame of {} can be decoded: convert it to MP4 (H.264) first.": (
        "{0} 的画面无法解码：请先转换为 MP4（H.264）。"
    ),
    "No person was found in any of the {} frames of {}: film one person from the front, head to hips, in good light.": (
        "{1} 的 {0} 帧中都没有找到人物：请在良好光线下正面拍摄一个人，从头到髋。"
    ),
    "There are up to {} people in {}; the largest one near the middle is followed: film one person alone if that is "
    "not who you mean.": "{1} 中最多有 {0} 个人；将跟踪靠近中间、最大的一位：如果不是您想要的人，请单独拍摄。",
    "The {} is not seen in {}: {}.": "{1} 中看不到{0}：{2}。",
    "The {} is not seen in {} of {}: {}.": "{2} 的 {1} 中看不到{0}：{3}。",
    "cut this part out, or keep head and shoulders in the picture": "请剪掉这一段，或让头和肩保持在画面中",
    "cut this part out, or look towards the camera there": "请剪掉这一段，或在此处面向镜头",
    "keep the hand in the picture if the gesture needs it": "如果手势需要，请让手保持在画面中",
    # Gesture clips
    "There is no gesture clip named {}: choose one of {}.": "没有名为 {0} 的手势：请选择 {1}。",
    "The motion has no frames: choose another one.": "动作中没有任何帧：请另选一个。",
    "There is no pose clip {}: check its path.": "找不到手势文件 {0}：请检查路径。",
    "{} is larger than {} MB: trim the clip.": "{0} 超过 {1} MB：请剪短。",
    "{} is damaged or not a pose clip: export it again as .npz.": "{0} 已损坏或不是手势文件：请重新导出为 .npz。",
    "{} has {} frames: 1 to {} are allowed.": "{0} 有 {1} 帧：允许 1 到 {2} 帧。",
    "{} says {} frames a second: 1 to {} are allowed.": "{0} 标明每秒 {1} 帧：允许 1 到 {2}。",
    "{} has a canvas of {} x {}: 1 to {} pixels a side are allowed.": (
        "{0} 的画布为 {1} × {2}：每边允许 1 到 {3} 像素。"
    ),
    "{} has a {} point in frame {} that is no usable number: repair or trim that frame (absent points are 0, 0, 0).": (
        "{0} 第 {2} 帧的{1}点不是有效数字：请修复或剪掉该帧（缺失的点应为 0, 0, 0）。"
    ),
    "{} holds {} arrays, a pose clip has six: export it again as .npz.": (
        "{0} 含 {1} 个数组，而手势文件应有六个：请重新导出为 .npz。"
    ),
    "{} has no array {}: a pose clip has version, fps, canvas, body, hands, face.": (
        "{0} 缺少数组 {1}：手势文件应有 version、fps、canvas、body、hands、face。"
    ),
    "{} is not version {} of the pose clip: export it again with this program.": (
        "{0} 不是第 {1} 版手势文件：请用本程序重新导出。"
    ),
    "{} needs one number for fps and two for canvas: export it again.": (
        "{0} 的 fps 应为一个数，canvas 应为两个数：请重新导出。"
    ),
    "{} has parts of different lengths ({}): export it again.": "{0} 各部分长度不同（{1}）：请重新导出。",
    "Array {} has type {}, which is not accepted: store plain float32 numbers.": (
        "数组 {0} 的类型为 {1}，不被接受：请存为普通 float32。"
    ),
    "Array {} has shape {}, a number or two were expected.": "数组 {0} 的形状为 {1}，应为一两个数：请重新导出。",
    "Array {} has shape {}, expected {}.": "数组 {0} 的形状为 {1}，应为 {2}：请重新导出。",
    "Array {} announces {} frames: 1 to {} are allowed.": "数组 {0} 标明 {1} 帧：允许 1 到 {2} 帧。",
    "Array {} is longer or shorter than its header says: export the clip again.": (
        "数组 {0} 的长度与其头部不符：请重新导出。"
    ),
    "Array {} has a damaged header: export the clip again.": "数组 {0} 的头部已损坏：请重新导出。",
    "Array {} has a header that is not accepted: store plain float32 numbers.": (
        "数组 {0} 的头部不被接受：请存为普通 float32。"
    ),
    "Array {} has an unknown type: store plain float32 numbers.": "数组 {0} 的类型未知：请存为普通 float32。",
    "There is no EchoMimicV2 pose in {}: check that it is a folder of pose clips.": (
        "{0} 中没有 EchoMimicV2 姿态：请确认它是姿态文件夹。"
    ),
    "There is no EchoMimicV2 pose in {}: export the clip again.": "{0} 中没有 EchoMimicV2 姿态：请重新导出。",
    "Refused to read {}, which holds {}: only arrays and numbers are allowed.": (
        "拒绝读取 {0}，其中含有 {1}：只允许数组和数字。"
    ),
    "The canvas changes in {}: export the clip again in one size.": "{0} 的画布尺寸有变化：请以同一尺寸重新导出。",
    "{} is no archive of at most {} MB: choose another file.": "{0} 不是 {1} MB 以内的压缩包：请另选文件。",
    "{} holds more than {} files: trim the clip.": "{0} 含有超过 {1} 个文件：请剪短。",
    "{} holds {}, a link or device: pack plain files.": "{0} 含有链接或设备 {1}：请只打包普通文件。",
    "{} in {} is too large for one pose.": "{1} 中的 {0} 对于一个姿态来说太大：请重新导出。",
    "{} is damaged or no tar archive: pack the folder of poses again.": "{0} 已损坏或不是 tar 包：请重新打包。",
    "{} unpacks to more than {} MB: trim the clip.": "{0} 解压后超过 {1} MB：请剪短。",
    "{} in {} is a link or no file: copy the real file there.": "{1} 中的 {0} 是链接或不是文件：请放入真实文件。",
    "{} holds frame {} twice: keep one clip in a folder or archive.": (
        "{0} 中第 {1} 帧出现两次：一个文件夹或压缩包只放一段手势。"
    ),
    "{} holds more than {} frames or {} MB: trim the clip.": "{0} 超过 {1} 帧或 {2} MB：请剪短。",
    "There are no poses in {}: it needs 0.npy, 1.npy, ... (EchoMimicV2) or numbered OpenPose JSON files.": (
        "{0} 中没有姿态：需要 0.npy、1.npy……（EchoMimicV2）或带编号的 OpenPose JSON 文件。"
    ),
    "{} is no gesture clip: give .npz, OpenPose .json or an EchoMimicV2 archive.": (
        "{0} 不是手势文件：请提供 .npz、OpenPose .json 或 EchoMimicV2 压缩包。"
    ),
    "{} is a picture that does not move: give a video, .npz, .json, an archive or a clip's name.": (
        "{0} 是静止的图片：请提供视频、.npz、.json、压缩包或手势名称。"
    ),
    "{} ships with the program and tells its own frames a second: leave out --fps.": (
        "{0} 是随程序提供的手势，自带帧率：请去掉 --fps。"
    ),
    "{} lasts {} seconds, the limit is {}: trim it.": "{0} 长 {1} 秒，上限为 {2} 秒：请剪短。",
    "{} does not tell its frames a second: {} are assumed (`--fps` on the command line takes another rate).": (
        "{0} 没有标明帧率：按每秒 {1} 帧处理（可在命令行用 `--fps` 指定）。"
    ),
    "Nobody is seen in {} of {}: the pose there is made from the frames around.": (
        "{1} 的 {0} 中看不到人：该处姿态由前后帧补全。"
    ),
    "A person is seen in only {} of the {} frames of {}: cut the rest out, or film one person from the front, head to "
    "hips, in good light.": (
        "{2} 的 {1} 帧中只有 {0} 帧有人：请剪掉其余部分，或在良好光线下正面拍摄一个人，从头到髋。"
    ),
    "Frame {} is missing in {}: export the clip again or number it without gaps.": (
        "{1} 缺少第 {0} 帧：请重新导出，或连续编号。"
    ),
    "{} is no JSON file of at most {} MB: choose another file.": "{0} 不是 {1} MB 以内的 JSON 文件：请另选文件。",
    "There is no readable JSON in {}: export the OpenPose clip again.": "{0} 中没有可读的 JSON：请重新导出 OpenPose。",
    "There is no pose in {} that can be read: export it as OpenPose, AlphaPose or MMPose JSON.": (
        "{0} 中没有可读取的姿态：请导出为 OpenPose、AlphaPose 或 MMPose JSON。"
    ),
    "There are {} frames in one clip: 1 to {} are allowed.": "一段手势有 {0} 帧：允许 1 到 {1} 帧。",
    "The point lists in {} have odd lengths or contents: export the clip again.": (
        "{0} 中点的数量或内容不对：请重新导出。"
    ),
    "A clip of {} frames was asked for: 1 to {} are possible.": "所需手势为 {0} 帧：可以是 1 到 {1} 帧。",
    "The clip would have {} frames: {} are possible, trim it first.": "手势将有 {0} 帧，最多 {1} 帧：请先剪短。",
    # What calibration could not measure
    "portrait and motion have no length in common: their pictures' sizes are compared": (
        "肖像与动作没有可比的长度：按画面尺寸比较"
    ),
    "the shoulders are not seen in both: the overall size is used": "双肩未在两者中同时可见：使用整体大小",
    "the hips are not seen in both: {}": "髋部未在两者中同时可见：{0}",
    "neck to nose is used": "使用颈到鼻的长度",
    "the width's factor is used": "使用宽度的系数",
    "the torso is not seen whole in both: the {} is used": "躯干未在两者中完整可见：使用{0}",
    "not seen in the {}: {} is used": "{0}中未见：使用{1}",
    "not seen in the {}: the global factor is used": "{0}中未见：使用整体系数",
    "foreshortened in the {} ({} of the other one, which is used)": "{0}中有透视缩短（为另一侧的 {1}，改用后者）",
    "foreshortened in the {} ({} of the usual): the global factor is used": (
        "{0}中有透视缩短（为常见长度的 {1}）：使用整体系数"
    ),
    # Settings
    "The {} is {}: choose a number of pixels.": "{0} 为 {1}：请填写像素数。",
    "The size is {} x {}: choose multiples of {} up to {}.": "尺寸为 {0} × {1}：请选择 {2} 的倍数，最大 {3}。",
    "The face does not fit into a video of {} x {}: choose a size of about the portrait's shape, which is {} x {}.": (
        "面部放不进 {0} × {1} 的视频：请选择与肖像形状相近的尺寸，肖像为 {2} × {3}。"
    ),
    "The number of steps is {}: choose 1 or more.": "步数为 {0}：请选择不小于 1 的值。",
    "The number of steps is {}: choose 1 to {}.": "步数为 {0}：请选择 1 到 {1}。",
    "{} makes a video in one step: {} steps are not possible, leave them out.": (
        "{0} 一步生成视频：无法使用 {1} 步，请勿填写步数。"
    ),
    "{} has no sampling steps: leave their number out.": "{0} 没有采样步数：请勿填写步数。",
    "Guidance has no effect on {}: leave it out.": "引导对 {0} 不起作用：请勿填写。",
    "{} has no {} to switch off: leave it out.": "{0} 没有可关闭的{1}：请勿填写。",
    "head stream": "头部音频流",
    "{} is {}: choose 0 to 20 (1 is no guidance).": "{0} 为 {1}：请选择 0 到 20（1 表示不引导）。",
    "The length is {} seconds: choose more than 0.": "长度为 {0} 秒：请选择大于 0 的值。",
    "The place of the crop is {}: choose 0 to 1.": "裁剪位置为 {0}：请选择 0 到 1。",
    "The seed is {}: choose a whole number from 0 on.": "种子为 {0}：请选择不小于 0 的整数。",
    # What of a portrait can move
    "No face was found in the portrait: choose a picture that shows one face from the front.": (
        "肖像中没有找到面部：请选择正面露出一张脸的图片。"
    ),
    "The face in the portrait is only {} pixels wide: choose a picture that shows it larger.": (
        "肖像中的面部仅宽 {0} 像素：请选择面部更大的图片。"
    ),
    "The head in the portrait is turned away by {} degrees: choose a picture that looks more towards the camera.": (
        "肖像中的头部偏转了 {0} 度：请选择更正对镜头的图片。"
    ),
    "The mouth is hidden or too dark in the portrait, so it cannot speak: choose a picture that shows the lips.": (
        "肖像中的嘴被遮挡或太暗，无法说话：请选择露出嘴唇的图片。"
    ),
    "The head is turned far to the side: its far half may smear.": "头部偏转较大：远侧半边可能模糊。",
    "The lips are hardly seen in this picture: the mouth may look wrong.": "图片中嘴唇不清楚：嘴部可能不自然。",
    "The {} elbow is outside of the picture, so this arm stays still.": "{0}肘在画面之外，因此这只手臂保持不动。",
    "You hold something in this picture, or something hides the {} arm, so this arm stays still.": (
        "图片中手里拿着东西，或{0}臂被遮挡，因此这只手臂保持不动。"
    ),
    "The {} hand is at the face in this picture, so this arm stays still.": (
        "图片中{0}手在脸旁，因此这只手臂保持不动。"
    ),
    "The {} hand is before the chest in this picture, so this arm stays still.": (
        "图片中{0}手在胸前，因此这只手臂保持不动。"
    ),
    "Loose clothes hang over the {} arm in this picture, so this arm stays still.": (
        "图片中宽松的衣物垂在{0}臂上，因此这只手臂保持不动。"
    ),
    "Loose clothes hang over both arms in this picture, so only the head moves.": (
        "图片中宽松的衣物垂在双臂上，因此只有头部会动。"
    ),
    "No shoulders are seen in this picture, so only the head moves.": "图片中看不到肩部，因此只有头部会动。",
    "There are several people in this picture, so only the head moves: an arm could cover somebody else.": (
        "图片中有多个人，因此只有头部会动：手臂可能挡住别人。"
    ),
    "The body is turned away in this picture, so only the head moves.": "图片中身体偏向一侧，因此只有头部会动。",
    "The elbows are outside of this picture and a hand is in it, so only the head moves.": (
        "双肘在画面之外而手在画面之内，因此只有头部会动。"
    ),
    "The arms are outside of this picture: hands come into it where the gestures raise them.": (
        "手臂在画面之外：手势抬手时，手才会进入画面。"
    ),
    "The arms touch each other in this picture and one of them cannot move, so only the head moves.": (
        "图片中双臂相触且其中一只无法移动，因此只有头部会动。"
    ),
    "Neither arm can be moved in this picture, so only the head moves: arms beside the body are best.": (
        "图片中两只手臂都无法移动，因此只有头部会动：双臂放在身体两侧效果最好。"
    ),
    "The size is {} x {}: choose one whose shorter side has {} to {} pixels.": (
        "尺寸为 {0} × {1}：请选择短边为 {2} 到 {3} 像素的尺寸。"
    ),
    "{} holds no weights of the clothes parser: restore it from the repository.": (
        "{0} 中没有服装分割网络的权重：请管理者从代码库恢复。"
    ),
    "{} is missing or damaged: install the program again.": "{0} 缺失或损坏：请管理者重新安装程序。",
    # Waiting and failing
    "The model is still loading: try again in a moment.": "模型仍在加载：请稍后再试。",
    "The model could not be loaded ({}): tell the person who runs this server.": (
        "模型无法加载（{0}）：请告知服务器管理者。"
    ),
    "{} videos are waiting already, which is the limit: try again in a few minutes.": (
        "已有 {0} 个视频在排队，达到上限：请过几分钟再试。"
    ),
    "Something went wrong on our side; nothing of yours is lost. Please try again.": (
        "服务器出了问题；您的内容没有丢失。请再试一次。"
    ),
    "Something went wrong on our side; your decisions are safe. Please try again.": (
        "服务器出了问题；您的决定没有丢失。请再试一次。"
    ),
    "The graphics memory is not enough for this: choose a smaller picture size and try again.": (
        "显存不足：请选择更小的视频尺寸再试。"
    ),
    "No pose detector is installed: run `pip install mediapipe==0.10.21`.": (
        "没有安装姿态检测器：请管理者运行 pip install mediapipe==0.10.21。"
    ),
    "MediaPipe is not installed: run `pip install mediapipe==0.10.21`.": (
        "没有安装 MediaPipe：请管理者运行 pip install mediapipe==0.10.21。"
    ),
    # Compare
    "There is no {} named {} here: choose another one.": "此处没有名为 {1} 的{0}：请另选。",
    "Choose a portrait, a voice and a motion: here, or in the Animate tab.": (
        "请选择肖像、语音和动作：在此处，或在“制作”页。"
    ),
    "There is no generator {}: choose one that is offered here.": "没有名为 {0} 的生成器：请从此处提供的中选择。",
    "{} is not ready on this server: choose another generator.": "此服务器上 {0} 尚不可用：请选择其他生成器。",
    "The comparison is still being made: wait until it is done, or stop it.": "比较仍在进行：请等待完成，或停止。",
    "Two finished videos are needed to stand side by side: wait for them, or compare again.": (
        "并排视频需要两段已完成的视频：请等待，或重新比较。"
    ),
    "There is no finished video of yours to take along: make one.": "没有可导出的已完成视频：请先生成一个。",
    "This comparison is no longer kept here: compare again.": "此比较已不再保留：请重新比较。",
    "{} columns cannot be compared: choose 2 to {}.": "无法比较 {0} 列：请选择 2 到 {1} 列。",
    "This link's settings cannot be read: ask for it again, or choose settings here.": (
        "此链接中的设置无法读取：请重新索取，或在此处选择设置。"
    ),
    "{} is {}: choose {} to {}.": "{0} 为 {1}：请选择 {2} 到 {3}。",
    "{} is {}: choose a whole number.": "{0} 为 {1}：请选择整数。",
    "{} is either on or off.": "{0} 只能开或关。",
    # Inspect
    "Enter your name first: your decisions are kept under it.": "请先输入您的名字：您的决定将保存在此名下。",
    "The name has {} characters: keep it under {}.": "名字有 {0} 个字符：请少于 {1} 个。",
    "You have corrected no clip yet: move a point or a slider, then it is kept.": (
        "您尚未修正任何片段：移动关键点或滑块后即会保存。"
    ),
    "{} is no decision: choose accept, reject or unsure.": "{0} 不是决定：请选择接受、拒绝或不确定。",
    "There are no decisions in {}: name the folder that the server keeps them in.": (
        "{0} 中没有决定：请给出服务器保存决定的文件夹。"
    ),
    "There is no such reason: choose from {}.": "没有这样的原因：请从 {0} 中选择。",
    "The frame is {}: choose one of the clip's.": "帧为 {0}：请选择片段中的一帧。",
    "The note has {} characters: keep it under {}.": "备注有 {0} 个字符：请少于 {1} 个。",
    "There is no nudge {}: choose one of {}.": "没有名为 {0} 的修正：请选择 {1}。",
    "The nudge {} is {}: choose {} to {}.": "修正 {0} 为 {1}：请选择 {2} 到 {3}。",
    "The correction {} is {}: choose a number from {} to {}.": "修正 {0} 为 {1}：请选择 {2} 到 {3}。",
    "The name {} belongs to somebody already: open the link that was shown with it, or choose another name.": (
        "名字“{0}”已有人使用：请打开当时显示的链接，或另选一个名字。"
    ),
    "This browser does not hold the secret of the name {}: open the link that was shown with it, or switch to another "
    "name.": "此浏览器没有名字“{0}”的密钥：请打开当时显示的链接，或换用另一个名字。",
    "Your decisions file is full: download it, then go on under another name.": (
        "您的决定文件已满：请下载，然后换一个名字继续。"
    ),
    "{} files are too many at once: load up to {}.": "一次 {0} 个文件太多：最多 {1} 个。",
    "The page sent a strange {}: reload it.": "页面发送了异常的 {0}：请刷新。",
    "The page sent strange {}: reload it.": "页面发送了异常的 {0}：请刷新。",
    "The page sent a strange action: reload it.": "页面发送了异常的操作：请刷新。",
    "No portrait and clip belong together: name them alike (0001.png with 0001.npz), or give one portrait with several "
    "clips, or one clip with several portraits.": (
        "没有能配对的肖像和片段：请使用相同文件名（0001.png 与 0001.npz），或一张肖像配多个片段，或一个片段配多张肖像。"
    ),
    "These files are no longer here: load them again. Your decisions are kept.": (
        "这些文件已不在此处：请重新载入。您的决定已保留。"
    ),
    "These files have been cleaned away: load them again. Your decisions are kept.": (
        "这些文件已被清理：请重新载入。您的决定已保留。"
    ),
    "This pair is not in the list any more: reload the page.": "此配对已不在列表中：请刷新页面。",
    "The folder of pairs, {}, is not there: start the server with an existing one.": (
        "配对文件夹 {0} 不存在：请管理者用存在的文件夹启动服务器。"
    ),
    "This file is not here, or not yours: upload it (again), and send what the upload answered.": (
        "此文件不在此处，或不属于您：请（重新）上传，并使用上传时返回的内容。"
    ),
    "A value has a type that does not fit its field: the page's API description says what each one takes.": (
        "某个值的类型与其字段不符：页面的 API 说明写明了每个字段的类型。"
    ),
    "{} values were sent, {} are needed: the page's API description lists them.": (
        "发送了 {0} 个值，需要 {1} 个：请查看页面的 API 说明。"
    ),
    "{} videos of yours are waiting already, which is the limit for one visitor: wait for one of them, or stop it.": (
        "您已有 {0} 个视频在等待，这是每位访客的上限：请等其中一个完成，或停止一个。"
    ),
    "Your files would take more than {}, the limit for one visitor: they are deleted {} hours after their last use; "
    "use smaller ones until then.": (
        "您的文件将超过每位访客的上限 {0}：文件在最后一次使用 {1} 小时后删除；在此之前请使用更小的文件。"
    ),
    "The server's disk is nearly full: try again later.": "服务器磁盘几乎已满：请稍后再试。",
    "The server's disk is full or cannot be written to: tell the person who runs this server.": (
        "服务器磁盘已满或无法写入：请告知服务器管理者。"
    ),
    "The server's memory is not enough for this: choose a smaller picture size or a shorter voice.": (
        "服务器内存不足：请选择更小的画面尺寸或更短的语音。"
    ),
    # Corrections by hand
    "The correction names no point or no range of frames: undo it and make it again.": (
        "修正未指明关键点或帧范围：请撤销后重做。"
    ),
    "The correction moves a point out of reach: undo it and make it again.": "修正将关键点移得过远：请撤销后重做。",
    "The correction is neither free nor bound: undo it and make it again.": (
        "修正未说明是否保持肢体长度：请撤销后重做。"
    ),
    "The correction cannot be read: undo it and make it again.": "无法读取该修正：请撤销后重做。",
    "The corrections cannot be read: undo them and make them again.": "无法读取这些修正：请撤销后重做。",
    "The correction ends in frame {}, the clip has {}: make it again.": (
        "修正结束于第 {0} 帧，而片段只有 {1} 帧：请重做。"
    ),
    "The correction's frame is an end of its range: choose a range around it.": (
        "修正所在的帧位于范围端点：请选择包含它的范围。"
    ),
    "The clip has {} corrections, which is the limit: correct whole ranges instead.": (
        "该片段已有 {0} 处修正，已达上限：请改为按范围修正。"
    ),
    "Your corrected clips take all the room there is for them: go on under another name.": (
        "您的修正片段已占满空间：请换用其他名字继续。"
    ),
    "The server is drawing for others: show the finished look again in a moment.": (
        "服务器正在为他人绘制：请稍后再次显示成品效果。"
    ),
    "These files make more than {} pairs: load fewer at a time.": "这些文件的配对超过 {0} 个：请一次少载入一些。",
    "{} people have decisions here, which is the limit: ask whoever runs this server.": (
        "此处已有 {0} 人的决定，已达上限：请联系服务器管理者。"
    ),
    "{} names have been begun from here, which is the limit: go on under one of them.": (
        "从此处已新建 {0} 个名字，已达上限：请用其中一个继续。"
    ),
    "The folder of pairs holds more than {} files: split it.": "配对文件夹超过 {0} 个文件：请拆分。",
    "No space is left on the disk: free some, or choose another folder.": (
        "磁盘空间已用完：请释放一些空间，或选择其他文件夹。"
    ),
}
